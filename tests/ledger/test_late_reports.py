"""Reports that come after the call has been dialled again, was called off, or is over."""

from datetime import timedelta

import pytest

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import CallState, Outcome, Phase
from dispatcher.ledger import withdrawing
from dispatcher.metrics.counting import Count
from dispatcher.store.tables import Call, table
from tests.domain.reported import AGENT_1, ANSWERED, BYES, PROMPT_END, TALKED, failed, key
from tests.ledger.world import World

HEARD = [ANSWERED, PROMPT_END, *BYES, TALKED]
BUSY = [failed(Reason.BUSY, "486 Busy Here")]
NOT_FOUND = [failed(Reason.INVALID_NUMBER, "404 NOT found")]
HUNG_UP = [failed(Reason.NO_ANSWER, "487 Request Terminated")]


@pytest.fixture
def call(world: World) -> str:
    """A call of an alarm that wants to be heard, of whose first attempt no report has come."""
    call = world.call(alarm=world.alarm(delivered_when="heard"))
    world.tell(world.dial(call), Facts(closed_at=world.now))
    return call


def first_of(call: str) -> str:
    return f"{call}-attempt-1"


def withdraw(world: World, call: str) -> list[str]:
    """Call off a call; returns the attempts that the PBX is to be asked to end."""
    with world.store.write() as tx:
        conditions = [table(Call).c.id == call]
        return withdrawing.withdraw(tx, world.now, conditions, Count(), "called off by ann").hang_ups


# The call waits for its redial.


def test_a_late_delivery_takes_the_call_out_of_the_queue(world: World, call: str) -> None:
    assert world.state(call) == (CallState.QUEUED, Outcome.UNKNOWN)
    world.tell(first_of(call), HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
    assert world.row("attempts", first_of(call)).outcome == Outcome.DELIVERED


def test_a_late_reason_ends_a_call_that_waits_for_its_redial(world: World, call: str) -> None:
    world.tell(first_of(call), NOT_FOUND)
    assert world.state(call) == (CallState.FAILED, Outcome.INVALID_NUMBER)


# The call has been dialled again.


def test_a_late_delivery_ends_a_redial_that_was_not_sent_yet(world: World, call: str) -> None:
    redial = world.dial(call, phase=Phase.CLAIMED)
    aftermath = world.tell(first_of(call), HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
    row = world.row("attempts", redial)
    assert (row.phase, row.outcome, row.channel_held) == (Phase.ENDED, Outcome.CANCELLED, False)
    assert aftermath.freed == {("hq", "SPS-6-36")}
    assert aftermath.hang_ups == []


def test_a_late_delivery_hangs_up_a_redial_that_rings(world: World, call: str) -> None:
    redial = world.dial(call)
    aftermath = world.tell(first_of(call), HEARD)
    assert aftermath.hang_ups == [redial]
    world.tell(redial, HUNG_UP)
    assert world.row("attempts", redial).outcome == Outcome.CANCELLED
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_a_late_delivery_lets_a_redial_talk_that_was_answered(world: World, call: str) -> None:
    redial = world.dial(call)
    world.tell(redial, [ANSWERED])
    assert world.tell(first_of(call), HEARD).hang_ups == []
    world.tell(redial, [*BYES, TALKED])
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


@pytest.mark.parametrize("redial_goes_first", [True, False])
def test_a_late_delivery_wins_over_a_redial_that_fails_in_the_same_batch(
    world: World, call: str, redial_goes_first: bool
) -> None:
    news = [(world.dial(call), NOT_FOUND), (first_of(call), HEARD)]
    first, second = news if redial_goes_first else reversed(news)
    world.tell(*first, second)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
    assert [name for name, _ in world.story(call)][-1] == "delivered"


def test_any_other_late_report_leaves_the_redial_alone(world: World, call: str) -> None:
    redial = world.dial(call)
    assert world.tell(first_of(call), NOT_FOUND).hang_ups == []
    assert world.row("attempts", first_of(call)).outcome == Outcome.INVALID_NUMBER
    assert world.state(call)[0] == CallState.ACTIVE
    world.tell(redial, HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_a_late_key_of_the_first_attempt_acknowledges_and_stops_the_second(world: World) -> None:
    alarm = world.alarm()
    call = world.call(alarm=alarm)
    first = world.dial(call)
    world.tell(first, Facts(closed_at=world.now))
    redial = world.dial(call)
    assert world.tell(first, [key("1", 0)]).hang_ups == [redial]
    assert world.status(alarm) == "acknowledged"
    assert world.state(call)[0] == CallState.DELIVERED


# A delivery is for good.


def test_no_later_report_takes_a_delivery_back(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    world.tell(attempt, HEARD)
    delivered = world.state(call), world.row("attempts", attempt).outcome
    world.tell(attempt, NOT_FOUND)
    assert (world.state(call), world.row("attempts", attempt).outcome) == delivered


def test_the_time_at_which_the_channel_was_freed_stays(world: World) -> None:
    attempt = world.dial(world.call(campaign=world.campaign()))
    world.tell(attempt, BUSY)
    freed_at = world.row("attempts", attempt).freed_at
    world.wait(3)
    aftermath = world.tell(attempt, [TALKED])
    assert world.row("attempts", attempt).freed_at == freed_at
    assert aftermath.freed == set()


# The call was called off, or is over.


def test_a_call_that_was_called_off_ends_cancelled_and_frees_its_channel(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    assert withdraw(world, call) == [attempt]
    assert world.state(call)[0] == CallState.CANCELLED
    assert world.row("attempts", attempt).channel_held
    aftermath = world.tell(attempt, HUNG_UP)
    assert aftermath.freed == {("hq", "SPS-6-36")}
    assert world.row("attempts", attempt).outcome == Outcome.CANCELLED
    assert world.state(call)[0] == CallState.CANCELLED


def test_a_call_that_was_called_off_too_late_is_delivered(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    withdraw(world, call)
    world.tell(attempt, HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_a_call_that_was_called_off_in_the_queue_may_have_been_delivered_before(
    world: World, call: str
) -> None:
    assert withdraw(world, call) == []
    assert world.state(call)[0] == CallState.CANCELLED
    world.tell(first_of(call), BUSY)
    assert world.state(call)[0] == CallState.CANCELLED
    world.tell(first_of(call), HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_an_expired_call_may_have_been_delivered_before(world: World) -> None:
    call = world.call(alarm=world.alarm(delivered_when="heard"), expires_at=world.now + timedelta(seconds=30))
    attempt = world.dial(call)
    world.tell(attempt, Facts(closed_at=world.now))
    assert world.state(call)[0] == CallState.EXPIRED
    world.tell(attempt, HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


@pytest.mark.parametrize(
    ("late", "end"),
    [
        (BUSY, (CallState.EXPIRED, Outcome.BUSY)),
        (NOT_FOUND, (CallState.FAILED, Outcome.INVALID_NUMBER)),
    ],
)
def test_a_late_reason_tells_why_an_expired_call_was_not_delivered(
    world: World, late: list[Report], end: tuple[CallState, Outcome]
) -> None:
    call = world.call(alarm=world.alarm(), expires_at=world.now + timedelta(seconds=30))
    attempt = world.dial(call)
    world.tell(attempt, Facts(closed_at=world.now))
    assert world.state(call) == (CallState.EXPIRED, Outcome.UNKNOWN)
    world.tell(attempt, late)
    assert world.state(call) == end


def test_a_failed_call_may_turn_out_delivered(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    world.tell(attempt, Facts(closed_at=world.now))
    assert world.state(call)[0] == CallState.FAILED
    world.tell(attempt, HEARD)
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)


def test_a_failed_call_of_an_alarm_that_is_over_gets_its_reason_but_no_redial(world: World) -> None:
    alarm = world.alarm(retry={"max_attempts": 1})
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.tell(attempt, Facts(closed_at=world.now))
    assert world.status(alarm) == "exhausted"
    world.set("alarms", alarm, status="resolved")
    world.tell(attempt, [failed(Reason.CONGESTION, "503")])
    assert world.state(call) == (CallState.FAILED, Outcome.CONGESTION)


# Somebody whom the call went on to could not be reached.

ELSEWHERE = failed(Reason.BUSY, "486 Busy Here", AGENT_1)


def test_who_is_led_on_to_a_busy_extension_is_not_called_again_meanwhile(world: World) -> None:
    call = world.call(alarm=world.alarm())
    attempt = world.dial(call)
    world.tell(attempt, [ANSWERED, key("9", 0)])
    assert world.tell(attempt, [ELSEWHERE]).freed == set()
    row = world.row("attempts", attempt)
    assert (row.phase, row.outcome, row.channel_held) == (Phase.UP, None, True)
    assert world.state(call)[0] == CallState.ACTIVE

    world.tell(attempt, [*BYES, TALKED])
    assert world.row("attempts", attempt).outcome == Outcome.NOT_HEARD


def test_an_answer_that_is_told_after_another_ones_failure_keeps_a_campaign_from_calling_twice(
    world: World,
) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    world.tell(attempt, [ELSEWHERE])
    assert world.state(call) == (CallState.QUEUED, Outcome.BUSY)
    world.tell(attempt, [ANSWERED])
    row = world.row("attempts", attempt)
    assert (row.phase, row.channel_held, row.outcome) == (Phase.ENDED, False, Outcome.NOT_HEARD)
    assert world.state(call) == (CallState.FAILED, Outcome.NOT_HEARD)
    world.tell(attempt, [PROMPT_END, *BYES, TALKED])
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
