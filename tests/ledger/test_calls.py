"""What the outcome of an attempt does to its call, and what the event rows say of it."""

from datetime import timedelta

import pytest

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import CallState, Outcome, Phase
from dispatcher.store.attempts import lock_by_id
from tests.domain.reported import ANSWERED, BYES, PROMPT_END, RING, START, TALKED, key
from tests.domain.scenarios import UNANSWERED
from tests.ledger.world import SETTLE, World

BUSY = UNANSWERED[0].reports
NOT_FOUND = next(item.reports for item in UNANSWERED if item.otherwise is Outcome.INVALID_NUMBER)


def test_an_answered_alarm_is_delivered_by_the_key_and_ends_with_the_call(world: World) -> None:
    call = world.call(alarm=world.alarm())
    attempt = world.dial(call)
    world.tell(attempt, [RING])
    assert world.state(call) == (CallState.ACTIVE, None)
    world.tell(attempt, [ANSWERED])
    aftermath = world.tell(attempt, [key("1", 0)])
    assert world.state(call) == (CallState.DELIVERED, Outcome.DELIVERED)
    assert world.row("attempts", attempt).phase == Phase.UP
    assert aftermath.freed == set()

    aftermath = world.tell(attempt, [*BYES, TALKED])
    row = world.row("attempts", attempt)
    assert (row.phase, row.channel_held, row.outcome) == (Phase.ENDED, False, Outcome.DELIVERED)
    assert row.freed_at == world.now
    assert aftermath.freed == {("hq", "SPS-6-36")}


def test_every_change_has_an_event_row_with_its_cause(world: World) -> None:
    call = world.call(alarm=world.alarm())
    attempt = world.dial(call)
    world.tell(attempt, [RING])
    world.tell(attempt, [ANSWERED, PROMPT_END])
    world.tell(attempt, [key("1", 0)])
    world.tell(attempt, BYES)
    names = [name for name, _ in world.story(call)]
    assert names == ["ringing", "heard", "key", "delivered", "ended"]
    assert ("delivered", "delivered as asked") in world.story(call)


def test_a_report_that_tells_nothing_new_changes_nothing(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    world.tell(attempt, BUSY)
    world.wait(1)
    before = world.row("attempts", attempt), world.row("calls", call), world.story(call)
    world.tell(attempt, BUSY)
    assert (world.row("attempts", attempt), world.row("calls", call), world.story(call)) == before


def test_a_busy_call_is_queued_again_after_its_delay(world: World) -> None:
    call = world.call(campaign=world.campaign(retry={"max_attempts": 2, "busy": 45}))
    aftermath = world.tell(world.dial(call), BUSY)
    assert world.state(call) == (CallState.QUEUED, Outcome.BUSY)
    assert world.seconds_to_redial(call) == 45
    assert aftermath.due
    assert world.story(call)[-1] == ("queued", "again at 08:31:00 UTC after busy")

    world.tell(world.dial(call), BUSY)
    assert world.state(call) == (CallState.FAILED, Outcome.BUSY)
    assert world.story(call)[-1] == ("failed", "all 2 attempts used")


def test_a_redial_waits_at_least_for_the_reports_that_are_still_coming(world: World) -> None:
    call = world.call(campaign=world.campaign(retry={"busy": 0}))
    world.tell(world.dial(call), BUSY)
    assert world.seconds_to_redial(call) == SETTLE.total_seconds()


def test_a_number_that_does_not_exist_ends_the_call_at_once(world: World) -> None:
    call = world.call(alarm=world.alarm())
    world.tell(world.dial(call), NOT_FOUND)
    assert world.state(call) == (CallState.FAILED, Outcome.INVALID_NUMBER)


def test_a_call_expires_when_its_next_attempt_would_come_too_late(world: World) -> None:
    call = world.call(campaign=world.campaign(), expires_at=world.now + timedelta(seconds=10))
    world.tell(world.dial(call), BUSY)
    assert world.state(call) == (CallState.EXPIRED, Outcome.BUSY)


def test_a_campaign_does_not_call_again_who_may_have_been_reached(world: World) -> None:
    call = world.call(campaign=world.campaign())
    attempt = world.dial(call)
    world.tell(attempt, Facts(closed_at=world.now))
    assert world.state(call) == (CallState.FAILED, Outcome.UNKNOWN)

    world.tell(attempt, BUSY)
    assert world.state(call) == (CallState.QUEUED, Outcome.BUSY)


def test_an_alarm_calls_again_who_may_have_been_reached(world: World) -> None:
    call = world.call(alarm=world.alarm())
    world.tell(world.dial(call), Facts(closed_at=world.now))
    assert world.state(call) == (CallState.QUEUED, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("running", CallState.QUEUED),
        ("paused", CallState.QUEUED),
        ("cancelled", CallState.CANCELLED),
        ("finished", CallState.CANCELLED),
    ],
)
def test_a_call_is_queued_again_only_while_its_campaign_wants_it(
    world: World, status: str, state: CallState
) -> None:
    call = world.call(campaign=world.campaign(status=status))
    world.tell(world.dial(call), BUSY)
    assert world.state(call) == (state, Outcome.BUSY)


def test_what_was_entered_is_read_back_the_same(world: World) -> None:
    attempt = world.dial(world.call(campaign=world.campaign()))
    everything = Facts(
        ringing_at=START,
        answered_at=START + timedelta(seconds=1),
        prompt_ended_at=START + timedelta(microseconds=1),
        keys=frozenset({(0, "2"), (1, "1"), (None, "21#")}),
        released_at=START,
        releases=frozenset({"extension", "outbound:1547396927.429"}),
        failed_at=START,
        cause=Reason.BUSY,
        cause_text="486 Busy Here",
        cdr_status=CdrStatus.ANSWERED,
        cdr_at=START,
        talk_seconds=0,
        recording="a.wav",
        leg="1547396927.429",
        trunk="SPS-6-36",
        closed_at=START,
        hung_up_at=START,
    )
    world.tell(attempt, everything)
    with world.store.write() as tx:
        (case,) = lock_by_id(tx, world.ledger.requests, [attempt])
    assert case.facts == everything
