"""The closed set of reasons: each has a meaning, an outcome and a place in the order of precedence."""

import pytest

from dispatcher.domain.reasons import MEANINGS, PRECEDENCE, Nature, Reason, meaning
from dispatcher.domain.retry import COSTS_NOTHING, DEFAULT_DELAYS, PERMANENT
from dispatcher.domain.vocabulary import Outcome


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_meaning_with_an_outcome_of_the_closed_set(reason: Reason) -> None:
    assert meaning(reason) is MEANINGS[reason]
    assert meaning(reason).nature in Nature
    assert meaning(reason).outcome in Outcome


def test_no_reason_means_success() -> None:
    successes = {Outcome.DELIVERED, Outcome.NOT_HEARD}
    assert not [reason for reason in Reason if meaning(reason).outcome in successes]


def test_precedence_is_a_total_order() -> None:
    assert set(PRECEDENCE) == set(Reason)
    assert sorted(PRECEDENCE.values()) == list(range(len(Reason)))


def test_what_says_most_of_the_callee_goes_before_what_says_nothing() -> None:
    assert PRECEDENCE[Reason.BUSY] < PRECEDENCE[Reason.FAILED]
    assert PRECEDENCE[Reason.INVALID_NUMBER] < PRECEDENCE[Reason.CONGESTION] < PRECEDENCE[Reason.TIMED_OUT]


@pytest.mark.parametrize("reason", [r for r in Reason if meaning(r).nature is Nature.IN_DOUBT])
def test_a_doubt_has_no_outcome_of_its_own(reason: Reason) -> None:
    assert meaning(reason).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("reason", Reason)
def test_permanent_reasons_end_a_call_and_only_those(reason: Reason) -> None:
    ends = meaning(reason).outcome in PERMANENT | {Outcome.CANCELLED}
    assert ends == (meaning(reason).nature is Nature.PERMANENT)


def test_every_outcome_that_is_tried_again_has_a_delay() -> None:
    ends_the_call = PERMANENT | {Outcome.DELIVERED, Outcome.CANCELLED}
    assert set(DEFAULT_DELAYS) == set(Outcome) - ends_the_call
    assert set(DEFAULT_DELAYS) >= COSTS_NOTHING


def test_words_are_the_same_in_the_store_the_log_and_the_metrics() -> None:
    for word in (*Reason, *Outcome):
        assert str(word) == word.value == word.value.lower().replace("-", "_").replace(" ", "_")
