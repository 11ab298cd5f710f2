"""How a trunk's free channels are shared, now."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.pacing import (
    ALARMS,
    CPS_BURST_SECONDS,
    REPORTS_GRACE,
    Hold,
    Lane,
    Plan,
    TrunkLoad,
    plan,
    startable,
)
from tests.domain.reported import START

NOW = START
counts = st.integers(0, 40)
near_now = st.timedeltas(timedelta(seconds=-2), timedelta(seconds=2)).map(lambda ahead: NOW + ahead)

trunks = st.builds(
    TrunkLoad,
    channels=counts,
    reserved=st.integers(0, 12),
    alarms=st.integers(0, 10),
    campaigns=counts,
    others=st.integers(0, 5),
    paused=st.sampled_from([False, False, False, True]),
    down=st.sampled_from(["", "", "", "hq is away"]),
    blocked_until=st.none() | near_now,
    trying=st.sampled_from([None, None, None, 0, 1]),
    calls_per_second=st.none() | st.floats(0.1, 500),
    next_slot_at=st.none() | near_now,
    unread_since=st.sampled_from([None, None, None, NOW, NOW - REPORTS_GRACE]),
)
open_trunks = trunks.map(
    lambda trunk: replace(trunk, paused=False, down="", blocked_until=None, trying=None, unread_since=None)
)


@st.composite
def lanes(draw: st.DrawFn, priorities: st.SearchStrategy[int] = st.integers(0, 9)) -> list[Lane]:
    """Perhaps a lane of alarms, and up to six campaigns."""
    found = [Lane(ALARMS, draw(counts))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(0, 6))):
        lane = Lane(
            f"campaign-{number}",
            due=draw(counts),
            priority=draw(priorities),
            weight=draw(st.integers(1, 10)),
            active=draw(st.integers(0, 10)),
            room=draw(st.none() | counts),
        )
        found.append(lane)
    return draw(st.permutations(found))


def granted(planned: Plan, lane: Lane) -> int:
    return planned.grants.get(lane.name, 0)


def to_campaigns(planned: Plan) -> int:
    return planned.total - planned.grants.get(ALARMS, 0)


def burst_of(trunk: TrunkLoad) -> int:
    """How many calls may start at one instant."""
    return max(1, int((trunk.calls_per_second or 0) * CPS_BURST_SECONDS))


# Never too much.


@given(trunks, lanes())
def test_no_more_is_granted_than_channels_are_free(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    assert plan(trunk, lanes, NOW).total <= trunk.free


@given(trunks, lanes())
def test_no_lane_gets_more_than_it_wants_or_has_room_for(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    planned = plan(trunk, lanes, NOW)
    assert set(planned.grants) <= {lane.name for lane in lanes}
    for lane in lanes:
        assert 0 <= granted(planned, lane) <= lane.due
        assert lane.room is None or granted(planned, lane) <= lane.room


@given(trunks, lanes())
def test_a_paused_or_blocked_trunk_gives_nothing(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    assert plan(replace(trunk, paused=True), lanes, NOW) == Plan(hold=Hold.PAUSED)
    until = NOW + timedelta(seconds=1)
    blocked = plan(replace(trunk, paused=False, down="", blocked_until=until), lanes, NOW)
    assert blocked == Plan(hold=Hold.BLOCKED, wake_at=until)


@given(trunks, lanes())
def test_a_trunk_that_is_down_gives_nothing_until_somebody_says_it_is_up(
    trunk: TrunkLoad, lanes: list[Lane]
) -> None:
    down = replace(trunk, paused=False, down="hq shows it as Failure")
    assert plan(down, lanes, NOW) == Plan(hold=Hold.DOWN)


@given(open_trunks, lanes(), st.integers(0, 3))
def test_a_trunk_that_was_blocked_is_tried_out_with_one_call(
    trunk: TrunkLoad, lanes: list[Lane], under_way: int
) -> None:
    planned = plan(replace(trunk, trying=under_way), lanes, NOW)
    assert planned.total <= max(0, 1 - under_way)
    wanted = sum(lane.wants for lane in lanes)
    if under_way and wanted:
        assert planned.hold is Hold.TRYING


@given(open_trunks, lanes(), st.integers(0, 9))
def test_nothing_starts_in_the_first_seconds_in_which_reports_are_not_read(
    trunk: TrunkLoad, lanes: list[Lane], seconds: int
) -> None:
    since = NOW - timedelta(seconds=seconds)
    unread = replace(trunk, unread_since=since)
    assert plan(unread, lanes, NOW) == Plan(hold=Hold.UNREAD, wake_at=since + REPORTS_GRACE)
    assert startable(unread, NOW) == 0


@given(open_trunks, lanes(), st.timedeltas(REPORTS_GRACE, timedelta(days=9)))
def test_then_alarms_go_on_as_ever_and_campaigns_wait(
    trunk: TrunkLoad, lanes: list[Lane], since: timedelta
) -> None:
    planned = plan(replace(trunk, unread_since=NOW - since), lanes, NOW)
    alarms = [lane for lane in lanes if lane.name == ALARMS]
    assert planned.grants == plan(trunk, alarms, NOW).grants
    campaigns_want = sum(lane.wants for lane in lanes) > sum(lane.wants for lane in alarms)
    assert (planned.hold is None) is (
        planned.total == sum(lane.wants for lane in alarms) and not campaigns_want
    )


def test_a_campaign_that_waits_for_reports_is_told_so() -> None:
    trunk = TrunkLoad(channels=3, unread_since=NOW - REPORTS_GRACE)
    assert plan(trunk, [Lane("campaign", due=1)], NOW) == Plan(hold=Hold.UNREAD)


@given(open_trunks, lanes())
def test_a_block_that_is_over_holds_nothing(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    assert plan(replace(trunk, blocked_until=NOW), lanes, NOW) == plan(trunk, lanes, NOW)


@given(trunks, lanes())
def test_no_more_starts_at_once_than_the_rate_allows(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    planned = plan(trunk, lanes, NOW)
    if trunk.calls_per_second is not None:
        assert planned.total <= burst_of(trunk)
        if trunk.next_slot_at is not None and trunk.next_slot_at > NOW:
            assert planned.total == 0


# Alarms first.


@given(trunks, lanes())
def test_a_campaign_gets_nothing_while_an_alarm_waits(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    planned = plan(trunk, lanes, NOW)
    waiting = sum(lane.wants for lane in lanes if lane.name == ALARMS) - planned.grants.get(ALARMS, 0)
    assert waiting == 0 or to_campaigns(planned) == 0


@given(trunks, lanes())
def test_alarms_get_what_they_would_get_alone(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    alone = plan(trunk, [lane for lane in lanes if lane.name == ALARMS], NOW)
    assert plan(trunk, lanes, NOW).grants.get(ALARMS, 0) == alone.total


@given(trunks, lanes())
def test_campaigns_leave_the_reserved_channels_to_alarms(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    """What alarms hold already counts towards the reserved channels; the rest stays free for them."""
    planned = plan(trunk, lanes, NOW)
    if to_campaigns(planned):
        held_by_alarms = trunk.alarms + planned.grants.get(ALARMS, 0)
        left_free = trunk.free - planned.total
        assert held_by_alarms + left_free >= trunk.reserved


def test_alarms_on_reserved_channels_make_room_for_campaigns() -> None:
    trunk = TrunkLoad(channels=10, reserved=4, alarms=3)
    campaign = Lane("campaign", due=100)
    assert plan(trunk, [campaign], NOW).grants == {"campaign": 6}
    assert plan(trunk, [campaign, Lane(ALARMS, 3)], NOW).grants == {ALARMS: 3, "campaign": 4}


# Among campaigns.


@given(trunks, lanes())
def test_a_lower_priority_waits_until_a_higher_one_has_all_it_wants(
    trunk: TrunkLoad, lanes: list[Lane]
) -> None:
    planned = plan(trunk, lanes, NOW)
    campaigns = [lane for lane in lanes if lane.name != ALARMS]
    hungry = [lane.priority for lane in campaigns if granted(planned, lane) < lane.wants]
    served = [lane.priority for lane in campaigns if granted(planned, lane) > 0]
    assert not hungry or not served or min(served) >= max(hungry)


@given(open_trunks, lanes(priorities=st.just(5)))
def test_campaigns_of_one_priority_share_by_weight(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    """None that got a channel is further above its share, by one channel at most, than one still hungry."""
    planned = plan(trunk, lanes, NOW)
    campaigns = [lane for lane in lanes if lane.name != ALARMS]
    for fed in (lane for lane in campaigns if granted(planned, lane) > 0):
        for hungry in (lane for lane in campaigns if granted(planned, lane) < lane.wants):
            with_its_last = (fed.active + granted(planned, fed)) / fed.weight
            with_one_more = (hungry.active + granted(planned, hungry) + 1) / hungry.weight
            assert with_its_last <= with_one_more


def test_three_weights_get_their_shares() -> None:
    lanes = [Lane(name, due=100, weight=weight) for name, weight in (("a", 1), ("b", 2), ("c", 3))]
    assert plan(TrunkLoad(channels=60), lanes, NOW).grants == {"a": 10, "b": 20, "c": 30}


def test_what_a_lane_holds_already_counts_towards_its_share() -> None:
    lanes = [Lane("old", due=100, active=10), Lane("new", due=100)]
    assert plan(TrunkLoad(channels=20, campaigns=10), lanes, NOW).grants == {"new": 10}


def test_a_share_that_is_not_wanted_goes_to_the_others() -> None:
    lanes = [Lane("small", due=2), Lane("limited", due=100, room=3), Lane("large", due=100)]
    assert plan(TrunkLoad(channels=30), lanes, NOW).grants == {"small": 2, "limited": 3, "large": 25}


# Never too little.


@given(open_trunks, lanes())
def test_a_channel_stays_free_only_for_a_reason(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    planned = plan(trunk, lanes, NOW)
    hungry = [lane for lane in lanes if granted(planned, lane) < lane.wants]
    if not hungry:
        assert planned.hold is None
        return
    reasons = {
        Hold.FULL: planned.total == trunk.free,
        Hold.RESERVED: trunk.free - planned.total
        <= max(0, trunk.reserved - trunk.alarms - planned.grants.get(ALARMS, 0))
        and all(lane.name != ALARMS for lane in hungry),
        Hold.RATE: trunk.calls_per_second is not None,
    }
    assert planned.hold is not None
    assert reasons[planned.hold]


@given(open_trunks, lanes())
def test_without_a_rate_nothing_is_held_back_by_it(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    assert plan(replace(trunk, calls_per_second=None), lanes, NOW).hold is not Hold.RATE


@given(trunks, lanes())
def test_who_waits_for_the_rate_knows_when_to_come_back(trunk: TrunkLoad, lanes: list[Lane]) -> None:
    planned = plan(trunk, lanes, NOW)
    if planned.hold is Hold.RATE:
        assert planned.wake_at is not None
        assert planned.wake_at > NOW
        again = replace(trunk, next_slot_at=planned.next_slot_at)
        assert plan(again, lanes, planned.wake_at).total > 0 or not trunk.free


@pytest.mark.parametrize("channels", [0, 3])
def test_a_full_trunk_is_full_whether_it_has_channels_or_not(channels: int) -> None:
    trunk = TrunkLoad(channels=channels, campaigns=channels)
    assert plan(trunk, [Lane("campaign", due=1)], NOW) == Plan(hold=Hold.FULL)


def test_more_calls_than_channels_leave_nothing_free() -> None:
    assert TrunkLoad(channels=3, campaigns=2, others=4).free == 0
