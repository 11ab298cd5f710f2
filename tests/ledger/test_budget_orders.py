"""What a call's attempts cost, and what it does next, whatever the order in which reports come."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, Report
from dispatcher.domain.retry import COSTS_NOTHING
from dispatcher.domain.vocabulary import CallState, Outcome, Phase
from tests.domain.reported import RING, failed, row
from tests.ledger.world import World

BUDGET = 2
NO_ANSWER = row(CdrStatus.NO_ANSWER)
BUSY_ROW = row(CdrStatus.BUSY)
CONGESTED = failed(Reason.CONGESTION, "503 Service Unavailable")
BUSY = failed(Reason.BUSY, "486 Busy Here")


def alarm_call(world: World, budget: int = BUDGET) -> tuple[str, str]:
    alarm = world.alarm(retry={"max_attempts": budget})
    return alarm, world.call(alarm=alarm)


def test_an_attempt_is_given_back_while_the_next_one_is_under_way(world: World) -> None:
    alarm, call = alarm_call(world)
    first = world.dial(call)
    world.tell(first, [NO_ANSWER])
    second = world.dial(call)
    world.tell(first, [CONGESTED])
    assert world.used(call) == (0, 1)
    world.tell(second, [BUSY])
    assert (world.state(call), world.used(call)) == ((CallState.QUEUED, Outcome.BUSY), (1, 0))
    assert world.status(alarm) == "open"


def test_an_attempt_is_given_back_to_a_call_that_has_ended_exhausted(world: World) -> None:
    alarm, call = alarm_call(world)
    first = world.dial(call)
    world.tell(first, [NO_ANSWER])
    world.tell(world.dial(call), [BUSY])
    assert (world.state(call)[0], world.status(alarm)) == (CallState.FAILED, "exhausted")
    aftermath = world.tell(first, [CONGESTED])
    assert aftermath.due
    assert (world.state(call), world.used(call)) == ((CallState.QUEUED, Outcome.BUSY), (1, 0))
    assert world.seconds_to_redial(call) == 30
    assert world.status(alarm) == "open"
    assert [name for name, _ in world.story(alarm)] == ["exhausted", "reopened"]
    world.tell(world.dial(call), [BUSY])
    assert (world.state(call)[0], world.status(alarm)) == (CallState.FAILED, "exhausted")


def test_two_attempts_of_one_call_in_one_batch_are_both_counted(world: World) -> None:
    _, call = alarm_call(world, budget=3)
    first = world.dial(call)
    world.tell(first, [NO_ANSWER])
    second = world.dial(call)
    world.tell(first, [CONGESTED], (second, [BUSY]))
    assert world.used(call) == (1, 0)


def test_an_earlier_attempt_that_turns_out_to_cost_does_not_put_off_a_redial(world: World) -> None:
    _, call = alarm_call(world, budget=3)
    first = world.dial(call)
    world.tell(first, [CONGESTED])
    world.tell(world.dial(call), [BUSY])
    due_at = world.row("calls", call).due_at
    world.wait(3)
    world.tell(first, [BUSY])
    assert world.used(call) == (2, 0)
    assert world.row("calls", call).due_at == due_at


def test_an_earlier_attempt_that_turns_out_to_cost_the_last_one_ends_the_call(world: World) -> None:
    alarm, call = alarm_call(world)
    first = world.dial(call)
    world.tell(first, [CONGESTED])
    world.tell(world.dial(call), [BUSY])
    world.tell(first, [BUSY])
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.BUSY), (2, 0))
    assert world.status(alarm) == "exhausted"


def test_a_free_failure_does_not_keep_a_call_alive_whose_budget_is_used(world: World) -> None:
    _, call = alarm_call(world)
    first = world.dial(call)
    world.tell(first, [CONGESTED])
    world.tell(world.dial(call), [BUSY])
    third = world.dial(call)
    world.tell(first, [BUSY])
    world.tell(third, [CONGESTED])
    assert (world.state(call)[0], world.used(call)) == (CallState.FAILED, (2, 1))


def test_a_campaign_that_has_finished_runs_again(world: World) -> None:
    campaign = world.campaign(retry={"max_attempts": 1})
    call = world.call(campaign=campaign)
    attempt = world.dial(call)
    world.tell(attempt, [NO_ANSWER])
    world.set("campaigns", campaign, status="finished", finished_at=world.now)
    world.wait(1)
    world.tell(attempt, [CONGESTED])
    assert world.state(call) == (CallState.QUEUED, Outcome.CONGESTION)
    row = world.row("campaigns", campaign)
    assert (row.status, row.finished_at) == ("running", None)
    assert [name for name, _ in world.story(campaign)] == ["reopened"]


@pytest.mark.parametrize("status", ["resolved", "cancelled"])
def test_an_alarm_that_somebody_has_ended_stays_ended(world: World, status: str) -> None:
    alarm, call = alarm_call(world, budget=1)
    attempt = world.dial(call)
    world.tell(attempt, [NO_ANSWER])
    world.set("alarms", alarm, status=status)
    world.tell(attempt, [CONGESTED])
    assert world.state(call) == (CallState.FAILED, Outcome.CONGESTION)
    assert world.status(alarm) == status


def test_an_alarm_that_was_raised_anew_is_not_opened_a_second_time(world: World) -> None:
    alarm = world.alarm(retry={"max_attempts": 1}, dedup_key="boiler-3")
    call = world.call(alarm=alarm)
    attempt = world.dial(call)
    world.tell(attempt, [NO_ANSWER])
    world.alarm(dedup_key="boiler-3")
    world.tell(attempt, [CONGESTED])
    assert world.status(alarm) == "exhausted"
    assert world.state(call) == (CallState.FAILED, Outcome.CONGESTION)


def test_what_comes_hours_after_an_alarms_end_is_told_and_calls_nobody(world: World) -> None:
    alarm, call = alarm_call(world, budget=1)
    attempt = world.dial(call)
    world.tell(attempt, [NO_ANSWER])
    world.wait(2 * 3600)
    world.tell(attempt, [CONGESTED])
    assert (world.state(call), world.status(alarm)) == ((CallState.FAILED, Outcome.CONGESTION), "exhausted")


def test_attempts_before_others_joined_the_call_stay_out_of_the_new_budget(world: World) -> None:
    _, call = alarm_call(world)
    first = world.dial(call)
    world.tell(first, [NO_ANSWER])
    world.set("calls", call, attempts_spent=0, budget_from=1)
    second = world.dial(call)
    world.tell(first, [CONGESTED], (second, [BUSY]))
    assert world.used(call) == (1, 0)


PIECES = st.tuples(
    st.sampled_from([NO_ANSWER, BUSY_ROW]),
    st.sampled_from([CONGESTED, failed(Reason.UNREACHABLE, "away"), BUSY, failed(Reason.NO_ANSWER, "480")]),
).flatmap(lambda pieces: st.sampled_from([pieces, (*pieces, RING)]))


def live(world: World, call: str, script: Sequence[Sequence[Report]], data: st.DataObject) -> None:
    """Dial the call whenever it is queued; tell what the script has of each dial, in an order that is drawn.

    A piece may come while a later attempt is under way, or after the last.
    """
    untold: list[tuple[str, Report]] = []
    made = 0
    while True:
        if world.state(call)[0] == CallState.QUEUED:
            attempt = world.dial(call)
            # Told later, a ring takes back what was free, and a redial may have been made of it meanwhile.
            world.tell(attempt, [piece for piece in script[made] if piece is RING])
            untold += [(attempt, piece) for piece in script[made] if piece is not RING]
            made += 1
        elif untold:
            attempt, piece = untold.pop(data.draw(st.integers(0, len(untold) - 1)))
            world.tell(attempt, [piece])
        else:
            return


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=3), st.data())
def test_the_budget_does_not_depend_on_the_order_of_reports(
    world: World, drawn: list[tuple[Report, ...]], data: st.DataObject
) -> None:
    script: list[tuple[Report, ...]] = [*drawn, *[(BUSY_ROW, BUSY)] * BUDGET]
    truth = [next(piece.reason for piece in pieces if piece.reason) for pieces in script]
    charged = [
        ordinal
        for ordinal, (reason, pieces) in enumerate(zip(truth, script, strict=True), 1)
        if str(reason) not in COSTS_NOTHING or RING in pieces
    ]
    needed = charged[BUDGET - 1]

    alarm, call = alarm_call(world)
    live(world, call, script, data)

    outcomes = [world.row("attempts", f"{call}-attempt-{place}").outcome for place in range(1, needed + 1)]
    assert outcomes == [str(reason) for reason in truth[:needed]]
    row = world.row("calls", call)
    assert (row.attempts_made, row.attempts_spent, row.free_failures) == (needed, BUDGET, 0)
    assert (row.state, row.outcome) == (CallState.FAILED, outcomes[-1])
    assert world.row("attempts", f"{call}-attempt-{needed}").phase == Phase.ENDED
    assert world.status(alarm) == "exhausted"
