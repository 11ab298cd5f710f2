"""Each attempt is counted once, however often its outcome improves."""

import pytest

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import CallState, Outcome
from tests.domain.reported import RING, failed, report
from tests.ledger.world import World

BUSY = [failed(Reason.BUSY, "486 Busy Here")]
CONGESTED = [failed(Reason.CONGESTION, "503 Service Unavailable")]
UNREACHABLE = [failed(Reason.UNREACHABLE, "Line unreachable")]


def closed(world: World) -> Facts:
    return Facts(closed_at=world.now)


@pytest.fixture
def call(world: World) -> str:
    return world.call(alarm=world.alarm(retry={"max_attempts": 3}))


def test_a_busy_callee_spends_an_attempt_and_a_full_trunk_does_not(world: World, call: str) -> None:
    world.tell(world.dial(call), CONGESTED)
    assert world.used(call) == (0, 1)
    world.tell(world.dial(call), UNREACHABLE)
    assert world.used(call) == (0, 2)
    world.tell(world.dial(call), BUSY)
    assert world.used(call) == (1, 0)
    world.tell(world.dial(call), CONGESTED)
    assert world.used(call) == (1, 1)


def test_free_failures_in_a_row_back_off(world: World, call: str) -> None:
    waits = []
    for _ in range(8):
        world.tell(world.dial(call), CONGESTED)
        waits.append(world.seconds_to_redial(call))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_reason_that_comes_late_is_not_counted_again(world: World, call: str) -> None:
    attempt = world.dial(call)
    world.tell(attempt, closed(world))
    assert (world.state(call), world.used(call)) == ((CallState.QUEUED, Outcome.UNKNOWN), (1, 0))
    world.tell(attempt, BUSY)
    assert (world.state(call), world.used(call)) == ((CallState.QUEUED, Outcome.BUSY), (1, 0))


def test_an_attempt_that_turns_out_to_have_been_the_trunks_fault_is_given_back(
    world: World, call: str
) -> None:
    attempt = world.dial(call)
    world.tell(attempt, closed(world))
    world.tell(attempt, CONGESTED)
    assert world.used(call) == (0, 1)
    assert world.seconds_to_redial(call) == 5


def test_a_free_failure_that_turns_out_to_have_been_the_callees_doing_is_charged(
    world: World, call: str
) -> None:
    attempt = world.dial(call)
    world.tell(attempt, CONGESTED)
    world.tell(attempt, BUSY)
    assert world.used(call) == (1, 0)


def test_the_last_attempt_is_given_back_too(world: World) -> None:
    call = world.call(campaign=world.campaign(retry={"max_attempts": 1}))
    attempt = world.dial(call)
    world.tell(attempt, [failed(Reason.FAILED, "500")])
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.UNKNOWN), (1, 0))
    world.tell(attempt, CONGESTED)
    assert (world.state(call), world.used(call)) == ((CallState.QUEUED, Outcome.CONGESTION), (0, 1))


def test_the_budget_of_a_call_is_spent_by_all_causes_together(world: World, call: str) -> None:
    told: list[list[Report] | Facts] = [BUSY, CONGESTED, [failed(Reason.NO_ANSWER, "480")], CONGESTED, BUSY]
    for item in told:
        assert world.state(call)[0] == CallState.QUEUED
        world.tell(world.dial(call), item)
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.BUSY), (3, 0))


def test_the_same_outcome_with_more_facts_does_not_put_the_redial_off(world: World, call: str) -> None:
    attempt = world.dial(call)
    world.tell(attempt, BUSY)
    due_at = world.row("calls", call).due_at
    world.wait(5)
    world.tell(attempt, [*BUSY, report(BUSY[0].event)])
    assert world.row("calls", call).due_at == due_at


def test_attempts_are_counted_once_in_the_metrics(world: World, call: str) -> None:
    attempt = world.dial(call)
    world.tell(attempt, closed(world))
    world.tell(attempt, BUSY)
    counted = {labels: by for (name, labels), by in world.counted.items() if name.endswith("attempts_total")}
    assert list(counted.values()) == [1]


# A phone rang.


def test_a_phone_that_rings_each_time_is_not_rung_for_ever(world: World, call: str) -> None:
    waits = []
    for _ in range(2):
        world.tell(world.dial(call), [RING, *CONGESTED])
        waits.append(world.seconds_to_redial(call))
    world.tell(world.dial(call), [RING, *CONGESTED])
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.CONGESTION), (3, 0))
    assert waits == [60, 60], "as after a call that nobody answers"


@pytest.mark.parametrize("pieces", [[RING, *CONGESTED], [*CONGESTED, RING]], ids=["in order", "late"])
def test_it_does_not_matter_when_its_ring_is_told(world: World, pieces: list[Report]) -> None:
    call = world.call(campaign=world.campaign(retry={"max_attempts": 1}))
    attempt = world.dial(call)
    for piece in pieces:
        world.tell(attempt, [piece])
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.CONGESTION), (1, 0))


def test_a_ring_that_is_told_after_the_redial_is_charged_too(world: World, call: str) -> None:
    first = world.dial(call)
    world.tell(first, CONGESTED)
    world.tell(world.dial(call), CONGESTED)
    assert world.used(call) == (0, 2)
    due_at = world.row("calls", call).due_at
    world.tell(first, [RING])
    assert world.used(call) == (1, 1)
    assert world.row("calls", call).due_at == due_at


# One of the PBX's own phones.


def test_an_extension_that_is_not_registered_uses_up_its_attempts(world: World) -> None:
    alarm = world.alarm(retry={"max_attempts": 3})
    call = world.call(alarm=alarm, number=None, extension="1002")
    for _ in range(2):
        world.tell(world.dial(call, trunk="", target_kind="extension", digits_dialled="1002"), UNREACHABLE)
        assert world.seconds_to_redial(call) == 60, (
            "phones take a minute or two to come back after a power cut"
        )
        assert world.status(alarm) == "open"
    world.tell(world.dial(call, trunk="", target_kind="extension", digits_dialled="1002"), UNREACHABLE)
    assert (world.state(call), world.used(call)) == ((CallState.FAILED, Outcome.UNREACHABLE), (3, 0))
    assert world.status(alarm) == "exhausted"


@pytest.mark.parametrize(
    "reason", [Reason.PBX_AWAY, Reason.LOCKED_OUT, Reason.TOO_FREQUENT, Reason.NEVER_PLACED]
)
def test_an_extension_is_not_charged_for_its_pbx(world: World, call: str, reason: Reason) -> None:
    attempt = world.dial(call, trunk="", target_kind="extension", digits_dialled="1002")
    world.tell(attempt, Facts(failed_at=world.now, cause=reason))
    assert world.used(call) == (0, 1)
