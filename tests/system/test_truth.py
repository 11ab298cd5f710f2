"""The table of allowed outcomes: it lets the truth and its documented weakenings pass, and nothing else."""

import pytest

from dispatcher.domain.vocabulary import Outcome
from dispatcher.simulator.yeastar_s.words import REASONS
from tests.system.truth import BY_CAUSE, NOBODY_REACHED, RESTART, WEAKER, Trouble, Truth, allowed

EVERY = frozenset(str(outcome) for outcome in Outcome)
NO_TROUBLE: frozenset[Trouble] = frozenset()
LOST = frozenset({Trouble.REPORTS_LOST})
RUN = frozenset({Trouble.ANSWER_LOST, Trouble.PBX_AWAY})

HEARD = Truth(answered=True, cause="completed")
KEYED = Truth(answered=True, keys="1", cause="completed")
BOX = Truth(answered=True, voicemail=True, cause="completed")
BUSY = Truth(cause="486 Busy Here")


@pytest.mark.parametrize(
    ("truth", "outcome"),
    [
        (KEYED, "delivered"),
        (Truth(answered=True, keys="9", cause="completed"), "not_heard"),
        (HEARD, "not_heard"),
        (BOX, "voicemail"),
        (BUSY, "busy"),
        (Truth(cause="480"), "no_answer"),
        (Truth(cause="603 Declined"), "no_answer"),
        (Truth(cause="404 NOT found"), "invalid_number"),
        (Truth(cause="503 Service Unavailable"), "congestion"),
        (Truth(cause="DND"), "rejected"),
        (Truth(cause="Line unreachable"), "unreachable"),
        (Truth(cause="NO Outbound Restriction"), "not_permitted"),
        (Truth(cause=RESTART), "unknown"),
        (Truth(answered=True, cause=RESTART), "not_heard"),
        (Truth(answered=True, keys="1", cause=RESTART), "delivered"),
    ],
)
def test_with_all_reports_only_the_truth_is_allowed(truth: Truth, outcome: str) -> None:
    assert truth.outcome == outcome
    assert allowed(truth, NO_TROUBLE) == {outcome}
    # What struck other dials of the run is no excuse for this one.
    assert allowed(truth, RUN) == {outcome}


@pytest.mark.parametrize("truth", [KEYED, HEARD, BOX, BUSY, Truth(cause="404"), Truth(cause="503")])
def test_lost_reports_weaken_and_never_strengthen(truth: Truth) -> None:
    weaker = allowed(truth, LOST)
    assert truth.outcome in weaker
    assert "unknown" in weaker
    if truth.outcome != "delivered":
        assert "delivered" not in weaker
    if not truth.answered:
        assert not weaker & {"not_heard", "voicemail"}
    # What a trunk or a number is blamed for must have been reported so.
    for blamed in ("invalid_number", "not_permitted", "congestion", "unreachable", "rejected", "cancelled"):
        assert blamed not in weaker or blamed == truth.outcome


@pytest.mark.parametrize(
    ("truth", "wrong"),
    [
        (KEYED, {"busy", "no_answer", "invalid_number", "congestion", "unreachable", "cancelled"}),
        (HEARD, {"delivered", "busy", "no_answer", "voicemail", "congestion", "invalid_number"}),
        (BOX, {"delivered", "busy", "no_answer"}),
        (BUSY, {"delivered", "not_heard", "voicemail", "congestion", "invalid_number", "rejected"}),
        (Truth(cause=RESTART), EVERY - {"unknown"}),
    ],
)
def test_wrong_outcomes_are_refused_even_with_lost_reports(truth: Truth, wrong: set[str]) -> None:
    assert not wrong & allowed(truth, LOST | RUN)


@pytest.mark.parametrize(
    ("troubles", "outcomes"),
    [
        (NO_TROUBLE, set()),
        (LOST, set()),
        ({Trouble.ANSWER_LOST}, {"unknown"}),
        ({Trouble.NEVER_PLACED}, set()),
        ({Trouble.ANSWER_LOST, Trouble.NEVER_PLACED}, {"unknown", "unreachable"}),
        ({Trouble.PBX_AWAY}, {"unreachable"}),
        ({Trouble.REFUSED_NUMBER}, {"invalid_number"}),
        ({Trouble.WITHDRAWN}, {"cancelled"}),
    ],
)
def test_an_attempt_without_a_call_needs_a_reason(troubles: set[Trouble], outcomes: set[str]) -> None:
    assert allowed(None, frozenset(troubles)) == outcomes


def test_a_withdrawn_call_may_be_cancelled_but_not_when_its_key_was_reported() -> None:
    withdrawn = frozenset({Trouble.WITHDRAWN})
    assert allowed(HEARD, withdrawn) == {"not_heard", "cancelled"}
    assert allowed(KEYED, withdrawn) == {"delivered"}
    assert "cancelled" in allowed(KEYED, withdrawn | LOST)


def test_the_table_is_whole() -> None:
    assert EVERY - {"cancelled"} == set(WEAKER)
    assert set(BY_CAUSE.values()) == NOBODY_REACHED
    assert all(weaker <= EVERY for weaker in WEAKER.values())
    assert {Truth(cause=words).outcome for words in REASONS.values()} <= NOBODY_REACHED
