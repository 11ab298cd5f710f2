"""What proves that a call was answered, heard and acknowledged, and what becomes of it otherwise."""

import pytest

from dispatcher.domain.facts import NOTHING, Facts
from dispatcher.domain.outcomes import Terms, is_acknowledged, is_answered, is_heard, outcome_of
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import DeliveredWhen, Outcome
from tests.domain.reported import START

WHEN_ANSWERED = Terms(DeliveredWhen.ANSWERED)
WHEN_HEARD = Terms(DeliveredWhen.HEARD)
WHEN_ACKNOWLEDGED = Terms(DeliveredWhen.ACKNOWLEDGED, "1")
ON_ANALOG = Terms(DeliveredWhen.ANSWERED, answer_supervision=False)


def pressed(*texts: str) -> Facts:
    return Facts(keys=frozenset((None if len(text) > 1 else 0, text) for text in texts))


# Heard.


def test_a_key_proves_that_the_prompt_was_heard_at_least_in_part() -> None:
    assert is_heard(pressed("9"))


def test_the_end_of_a_prompt_alone_waits_for_a_sign_that_the_call_was_taken() -> None:
    assert not is_heard(Facts(prompt_ended_at=START))
    assert not is_heard(Facts(prompt_ended_at=START, failed_at=START, cause=Reason.NO_ANSWER))


@pytest.mark.parametrize(
    "sign",
    [
        {"answered_at": START},
        {"released_at": START},
        {"cdr_status": CdrStatus.ANSWERED, "talk_seconds": 0},
        {"cdr_status": CdrStatus.VOICEMAIL},
    ],
    ids=["ANSWERED", "BYE", "answered record", "voicemail record"],
)
def test_any_sign_that_the_call_was_taken_will_do(sign: dict[str, object]) -> None:
    assert is_heard(Facts(prompt_ended_at=START, **sign))
    assert not is_heard(Facts(**sign))


# Answered.


def test_an_answer_or_a_record_with_talk_proves_that_somebody_answered() -> None:
    assert is_answered(Facts(answered_at=START), WHEN_ANSWERED)
    assert is_answered(Facts(cdr_status=CdrStatus.ANSWERED, talk_seconds=3), WHEN_ANSWERED)
    assert not is_answered(Facts(cdr_status=CdrStatus.ANSWERED, talk_seconds=0), WHEN_ANSWERED)
    assert not is_answered(Facts(ringing_at=START, released_at=START), WHEN_ANSWERED)


def test_without_answer_supervision_an_answer_proves_nothing() -> None:
    claimed = Facts(answered_at=START, cdr_status=CdrStatus.ANSWERED, talk_seconds=30, cdr_at=START)
    assert not is_answered(claimed, ON_ANALOG)
    assert outcome_of(claimed, ON_ANALOG) is Outcome.NOT_HEARD


@pytest.mark.parametrize(
    "proof",
    [pressed("9"), Facts(answered_at=START, prompt_ended_at=START)],
    ids=["a key", "the prompt's end"],
)
def test_without_answer_supervision_a_key_or_the_prompts_end_proves_the_answer(proof: Facts) -> None:
    assert outcome_of(proof, ON_ANALOG) is Outcome.DELIVERED


def test_without_answer_supervision_a_reason_goes_before_a_claimed_answer() -> None:
    refused = Facts(answered_at=START, failed_at=START, cause=Reason.CONGESTION)
    assert outcome_of(refused, ON_ANALOG) is Outcome.CONGESTION
    assert outcome_of(refused, WHEN_HEARD) is Outcome.NOT_HEARD


# Acknowledged.


@pytest.mark.parametrize(
    ("texts", "ack_digits", "is_one"),
    [
        (["1"], "1", True),
        (["9"], "1", False),
        (["9", "1"], "1", True),
        (["5"], "159", True),
        (["1#"], "1", True),
        (["12#"], "1", False),
        (["1005"], "1", False),
        (["#"], "#", True),
        (["#"], "1", False),
        (["*"], "*", True),
        (["1"], "", False),
        ([], "1", False),
    ],
)
def test_one_of_the_acknowledging_keys_alone_acknowledges(
    texts: list[str], ack_digits: str, is_one: bool
) -> None:
    terms = Terms(DeliveredWhen.ACKNOWLEDGED, ack_digits)
    assert is_acknowledged(pressed(*texts), terms) is is_one


# While the call is up, and once it has ended.


def test_a_delivery_is_known_while_the_call_is_up() -> None:
    assert outcome_of(Facts(answered_at=START), WHEN_ANSWERED) is Outcome.DELIVERED
    assert outcome_of(Facts(answered_at=START, prompt_ended_at=START), WHEN_HEARD) is Outcome.DELIVERED
    assert outcome_of(pressed("1"), WHEN_ACKNOWLEDGED) is Outcome.DELIVERED


@pytest.mark.parametrize("terms", [WHEN_HEARD, WHEN_ACKNOWLEDGED, ON_ANALOG], ids=lambda t: t.delivered_when)
def test_everything_else_waits_for_the_end(terms: Terms) -> None:
    up = Facts(answered_at=START, released_at=START, releases=frozenset({"-"}), cause=Reason.BUSY)
    assert outcome_of(up, terms) is None
    assert outcome_of(NOTHING, terms) is None


def test_a_call_of_which_nothing_is_known_but_its_end_is_unknown() -> None:
    assert outcome_of(Facts(closed_at=START), WHEN_ANSWERED) is Outcome.UNKNOWN


def test_a_call_that_we_ended_is_cancelled_unless_it_was_delivered_before() -> None:
    ended = Facts(hung_up_at=START, failed_at=START, cause=Reason.NO_ANSWER, cause_text="487")
    assert outcome_of(ended, WHEN_ANSWERED) is Outcome.CANCELLED
    assert outcome_of(Facts(hung_up_at=START), WHEN_ANSWERED) is None
    taken = Facts(hung_up_at=START, cdr_at=START, answered_at=START)
    assert outcome_of(taken, WHEN_ANSWERED) is Outcome.DELIVERED
    assert outcome_of(taken, WHEN_HEARD) is Outcome.CANCELLED


def test_a_wrong_key_pressed_to_a_voicemail_box_shows_that_a_person_was_there() -> None:
    boxed = Facts(answered_at=START, cdr_at=START, cdr_status=CdrStatus.VOICEMAIL, talk_seconds=5)
    assert outcome_of(boxed, WHEN_ACKNOWLEDGED) is Outcome.VOICEMAIL
    by_person = Facts(keys=frozenset({(0, "9")}), cdr_at=START, cdr_status=CdrStatus.VOICEMAIL)
    assert outcome_of(by_person, WHEN_ACKNOWLEDGED) is Outcome.NOT_HEARD


def test_a_contradiction_between_prompt_and_record_is_left_open() -> None:
    odd = Facts(prompt_ended_at=START, cdr_at=START, cdr_status=CdrStatus.NO_ANSWER)
    assert outcome_of(odd, WHEN_HEARD) is Outcome.UNKNOWN


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_gives_an_ended_attempt_an_outcome(reason: Reason) -> None:
    assert outcome_of(Facts(failed_at=START, cause=reason), WHEN_HEARD) is not None
