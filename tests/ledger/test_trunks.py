"""What attempts tell of the trunks: which one a call took, and whether it works."""

from datetime import timedelta

import pytest

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Party, PartyKind, ReportEvent
from dispatcher.domain.vocabulary import CallState
from dispatcher.store import trunks
from tests.domain.reported import NUMBER, RING, TRUNK, failed, report
from tests.ledger.world import OTHER_TRUNK, World

CONGESTED = [failed(Reason.CONGESTION, "503 Service Unavailable")]
BUSY = [failed(Reason.BUSY, "486 Busy Here")]


@pytest.fixture(autouse=True)
def _trunks(world: World) -> None:
    world.trunk(TRUNK)
    world.trunk(OTHER_TRUNK)


@pytest.fixture
def campaign(world: World) -> str:
    return world.campaign()


def dial_another(world: World, campaign: str) -> str:
    """A dial of a number that was not called before."""
    call = world.call(campaign=campaign)
    return world.dial(call, digits_dialled=world.row("calls", call).number.lstrip("+"))


def fails(world: World, campaign: str, times: int = 1) -> None:
    """So many calls in a row that the trunk does not take, each in a transaction of its own."""
    for _ in range(times):
        world.tell(dial_another(world, campaign), CONGESTED)


def fail_together(world: World, campaign: str, times: int) -> None:
    """So many calls that fail in one transaction."""
    attempts = [dial_another(world, campaign) for _ in range(times)]
    first, *others = [(attempt, CONGESTED) for attempt in attempts]
    world.tell(*first, *others)


def seconds_blocked(world: World, name: str = TRUNK) -> float:
    until = world.trunk_row(name).blocked_until
    return (until - world.now).total_seconds() if until else 0.0


# The circuit breaker.


def test_five_failures_in_a_row_block_the_trunk(world: World, campaign: str) -> None:
    fails(world, campaign, 4)
    assert seconds_blocked(world) == 0
    fails(world, campaign)
    row = world.trunk_row()
    assert seconds_blocked(world) == 10
    assert row.blocked_why == "5 failures in a row, the last: 503 Service Unavailable"
    assert seconds_blocked(world, OTHER_TRUNK) == 0


def test_one_number_that_fails_each_time_does_not_block_the_trunk_for_the_others(
    world: World, campaign: str
) -> None:
    call = world.call(campaign=campaign)
    for _ in range(8):
        world.tell(world.dial(call), CONGESTED)
        world.now = world.row("calls", call).due_at
    assert (world.trunk_row().failures_in_row, seconds_blocked(world)) == (1, 0)
    fails(world, campaign, 3)
    assert (world.trunk_row().failures_in_row, seconds_blocked(world)) == (4, 0)
    fails(world, campaign)
    assert seconds_blocked(world) == 10


@pytest.mark.parametrize("has_worked", [False, True])
def test_a_trunk_that_lets_nobody_through_is_blocked_also_where_few_are_called(
    world: World, campaign: str, has_worked: bool
) -> None:
    """Two people are on call, and are dialled again and again."""
    began, calls = world.now, [world.call(campaign=campaign) for _ in range(2)]
    blocked = []
    for _ in range(9):
        for place, call in enumerate(calls):
            world.tell(world.dial(call, digits_dialled=f"3161234000{place}"), CONGESTED)
        if has_worked and len(blocked) == 5:
            world.tell(world.dial(world.call(campaign=campaign)), BUSY)
        blocked.append(seconds_blocked(world) > 0)
        if any(blocked):
            break
        world.now = max(world.row("calls", call).due_at for call in calls)
    minutes = (world.now - began).total_seconds() / 60
    assert (any(blocked), 10 < minutes < 21) == (not has_worked, True)


def test_two_calls_to_one_number_that_fail_together_count_once(world: World, campaign: str) -> None:
    one, other = world.dial(world.call(campaign=campaign)), world.dial(world.call(campaign=campaign))
    world.tell(one, CONGESTED, (other, CONGESTED))
    assert world.trunk_row().failures_in_row == 1


def test_a_pbx_that_is_away_is_nobodys_fault(world: World, campaign: str) -> None:
    call = world.call(campaign=campaign)
    for _ in range(5):
        world.tell(world.dial(call), Facts(failed_at=world.now, cause=Reason.PBX_AWAY))
        world.now = world.row("calls", call).due_at
    assert world.trunk_row().failures_in_row == 5


def test_what_we_did_not_send_ourselves_is_not_the_trunks_fault(world: World, campaign: str) -> None:
    fails(world, campaign, 4)
    unsent = Facts(failed_at=world.now, cause=Reason.NEVER_PLACED, cause_text="the process was stopped")
    for _ in range(3):
        world.tell(dial_another(world, campaign), unsent)
    assert world.trunk_row().failures_in_row == 4


def test_a_request_that_the_pbx_made_no_call_of_is(world: World, campaign: str) -> None:
    for _ in range(5):
        world.tell(dial_another(world, campaign), Facts(closed_at=world.now, cause=Reason.NEVER_PLACED))
    assert seconds_blocked(world) == 10


def test_every_change_of_the_breaker_has_an_event(world: World, campaign: str) -> None:
    fails(world, campaign, 5)
    world.wait(10)
    fails(world, campaign)
    world.wait(20)
    world.tell(world.dial(world.call(campaign=campaign)), BUSY)
    why = "failures in a row, the last: 503 Service Unavailable"
    assert world.story(f"hq/{TRUNK}") == [
        ("blocked", f"until 08:30:25 UTC after 5 {why}"),
        ("blocked", f"until 08:30:45 UTC after 6 {why}"),
        ("unblocked", "a call went through"),
    ]


def test_a_count_that_has_not_blocked_it_yet_ends_without_an_event(world: World, campaign: str) -> None:
    fails(world, campaign, 4)
    world.tell(world.dial(world.call(campaign=campaign)), BUSY)
    assert world.trunk_row().failures_in_row == 0
    assert world.story(f"hq/{TRUNK}") == []


def test_a_call_from_before_the_block_says_nothing_of_what_came_after(world: World, campaign: str) -> None:
    early = world.dial(world.call(campaign=campaign))
    fails(world, campaign, 5)
    world.wait(11)
    world.tell(early, CONGESTED)
    assert world.trunk_row().failures_in_row == 5
    assert seconds_blocked(world) < 0


def test_a_callee_who_is_busy_shows_that_the_trunk_works(world: World, campaign: str) -> None:
    fails(world, campaign, 4)
    world.tell(world.dial(world.call(campaign=campaign)), BUSY)
    fails(world, campaign, 4)
    assert seconds_blocked(world) == 0


def test_a_phone_that_rang_shows_that_the_trunk_works_whatever_ended_the_call(
    world: World, campaign: str
) -> None:
    fails(world, campaign, 4)
    world.tell(world.dial(world.call(campaign=campaign)), [RING, *CONGESTED])
    assert world.trunk_row().failures_in_row == 0


def test_a_success_closes_the_breaker(world: World, campaign: str) -> None:
    fails(world, campaign, 5)
    world.wait(10)
    world.tell(world.dial(world.call(campaign=campaign)), BUSY)
    row = world.trunk_row()
    assert (row.failures_in_row, row.blocked_until, row.blocked_why) == (0, None, "")


@pytest.mark.parametrize("reason", [None, Reason.NOT_PERMITTED, Reason.CANCELLED])
def test_an_outcome_that_says_nothing_of_the_trunk_does_not_close_it(
    world: World, campaign: str, reason: Reason | None
) -> None:
    fails(world, campaign, 4)
    ended = Facts(failed_at=world.now, cause=reason) if reason else Facts(closed_at=world.now)
    world.tell(world.dial(world.call(campaign=campaign)), ended)
    fails(world, campaign)
    assert seconds_blocked(world) == 10


def test_each_further_failure_after_a_block_doubles_it(world: World, campaign: str) -> None:
    fails(world, campaign, 5)
    blocks = []
    for _ in range(7):
        world.wait(seconds_blocked(world))
        fails(world, campaign)
        blocks.append(seconds_blocked(world))
    assert blocks == [20, 40, 80, 160, 300, 300, 300]


def test_calls_that_were_under_way_when_the_block_began_do_not_prolong_it(
    world: World, campaign: str
) -> None:
    fails(world, campaign, 5)
    world.wait(4)
    fails(world, campaign, 9)
    assert seconds_blocked(world) == 6


def test_a_trunk_that_drops_all_its_calls_at_once_is_blocked_as_for_five(world: World, campaign: str) -> None:
    fail_together(world, campaign, 30)
    assert seconds_blocked(world) == 10


def test_a_trunk_that_still_works_for_some_is_not_blocked(world: World, campaign: str) -> None:
    attempts = [world.dial(world.call(campaign=campaign)) for _ in range(7)]
    first, *others = [(attempt, CONGESTED) for attempt in attempts[:-1]]
    world.tell(*first, *others, (attempts[-1], BUSY))
    assert seconds_blocked(world) == 0


# The trunk that a call really took.


def on(trunk: str) -> list:
    return [report(ReportEvent.RINGING, Party(PartyKind.OUTBOUND, NUMBER, trunk, "1.2"))]


def in_use(world: World, name: str) -> int:
    with world.store.write() as tx:
        counted = trunks.lock(tx, world.now, "hq", name)
    assert counted is not None
    return counted.load.channels - counted.load.free


def test_a_call_that_took_another_trunk_holds_its_channel_there(world: World, campaign: str) -> None:
    attempt = world.dial(world.call(campaign=campaign))
    assert (in_use(world, TRUNK), in_use(world, OTHER_TRUNK)) == (1, 0)
    aftermath = world.tell(attempt, on(OTHER_TRUNK))
    assert (in_use(world, TRUNK), in_use(world, OTHER_TRUNK)) == (0, 1)
    assert aftermath.freed == {("hq", TRUNK)}
    aftermath = world.tell(attempt, BUSY)
    assert (in_use(world, TRUNK), in_use(world, OTHER_TRUNK)) == (0, 0)
    assert aftermath.freed == {("hq", OTHER_TRUNK)}


def test_a_call_that_took_another_trunk_and_ended_frees_both(world: World, campaign: str) -> None:
    attempt = world.dial(world.call(campaign=campaign))
    aftermath = world.tell(attempt, [*on(OTHER_TRUNK), *BUSY])
    assert aftermath.freed == {("hq", TRUNK), ("hq", OTHER_TRUNK)}
    aftermath = world.tell(attempt, [*on(OTHER_TRUNK), *BUSY])
    assert aftermath.freed == set()


def test_a_failure_counts_against_the_trunk_that_the_call_took(world: World, campaign: str) -> None:
    for _ in range(5):
        attempt = dial_another(world, campaign)
        world.tell(
            attempt, [failed(Reason.CONGESTION, "503", Party(PartyKind.OUTBOUND, NUMBER, OTHER_TRUNK))]
        )
    assert (seconds_blocked(world, TRUNK), seconds_blocked(world, OTHER_TRUNK)) == (0, 10)


def test_a_trunk_that_is_not_configured_is_noted_but_not_counted_on(world: World, campaign: str) -> None:
    attempt = world.dial(world.call(campaign=campaign))
    assert world.tell(attempt, on("Wanatel-1")).freed == set()
    row = world.row("attempts", attempt)
    assert (row.trunk, row.taken_trunk) == (TRUNK, "Wanatel-1")
    assert in_use(world, TRUNK) == 1


def test_a_call_to_an_extension_takes_no_trunk_whatever_a_report_names(world: World, campaign: str) -> None:
    world.trunk(trunks.INTERNAL)
    call = world.call(campaign=campaign, number=None, extension="1002")
    attempt = world.dial(call, trunk="", target_kind="extension", digits_dialled="1002")
    world.tell(attempt, Facts(trunk=OTHER_TRUNK))
    assert in_use(world, trunks.INTERNAL) == 1
    assert in_use(world, OTHER_TRUNK) == 0


def test_a_blocked_trunk_fails_no_call_for_good(world: World, campaign: str) -> None:
    call = world.call(campaign=campaign)
    fails(world, campaign, 4)
    for _ in range(8):
        world.tell(world.dial(call), CONGESTED)
        world.now = max(world.now, world.row("calls", call).due_at) + timedelta(seconds=1)
    assert world.trunk_row().failures_in_row > 5
    assert world.state(call)[0] == CallState.QUEUED
    assert world.used(call) == (0, 8)
