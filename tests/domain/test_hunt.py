"""Which of several trunks takes a call."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.hunt import Room, Wish, mine, room_of, spare
from dispatcher.domain.pacing import TrunkLoad, startable
from tests.domain.reported import START

NOW = START
A, B, C = "hq/a", "hq/b", "north/c"
ORDER = {A: 1, B: 2, C: 3}
CALL = Wish()

keys = st.sampled_from([A, B, C])
room_counts = st.integers(0, 4)
wishes = st.lists(
    st.builds(
        Wish,
        avoid=st.sampled_from(["", "", A, B, C]),
        able=st.none() | st.frozensets(keys, min_size=1),
    ),
    max_size=10,
)
orders = st.dictionaries(keys, st.integers(1, 2), min_size=1)


@st.composite
def rooms_of_all(draw: st.DrawFn) -> dict[str, Room]:
    """Room on every trunk, for campaigns never more than for alarms."""
    found = {}
    for key in (A, B, C):
        room = draw(room_counts)
        found[key] = Room(room, draw(st.integers(0, room)), draw(st.booleans()))
    return found


def copied(rooms: dict[str, Room]) -> dict[str, Room]:
    return {key: replace(room) for key, room in rooms.items()}


def taken(
    here: str,
    calls: list[Wish],
    rooms: dict[str, Room],
    order: Mapping[str, int] = ORDER,
    is_alarm: bool = False,
) -> list[bool]:
    """What the trunk takes of campaigns' calls, or of alarms'."""
    return mine(here, calls, rooms=copied(rooms), order=order, is_alarm=is_alarm)


def test_the_first_takes_all_and_the_next_what_it_can_not() -> None:
    rooms = {A: Room(2, 2), B: Room(5, 5), C: Room(5, 5)}

    assert taken(A, [CALL] * 4, rooms) == [True] * 4
    assert taken(B, [CALL] * 4, rooms) == [False, False, True, True]
    assert taken(C, [CALL] * 8, rooms) == [False] * 7 + [True]


def test_a_trunk_without_room_is_passed_over() -> None:
    assert taken(C, [CALL], {A: Room(), B: Room(), C: Room(1, 1)}) == [True]


def test_trunks_of_one_rank_share() -> None:
    rooms = {A: Room(5, 5), B: Room(5, 5)}

    for here in (A, B):
        assert taken(here, [CALL], rooms, order={A: 1, B: 1}) == [True]


def test_room_that_is_kept_for_alarms_is_none_for_a_campaign() -> None:
    rooms = {A: Room(1, 0), B: Room(1, 1)}

    assert taken(B, [CALL], rooms) == [True]
    assert taken(B, [CALL], rooms, is_alarm=True) == [False]


def test_a_call_goes_to_another_trunk_than_the_one_that_failed_it() -> None:
    rooms = {A: Room(1, 1), B: Room(1, 1)}
    failed_on_a = Wish(avoid=A)

    assert taken(A, [failed_on_a], rooms, order={A: 1, B: 2}) == [False]
    assert taken(B, [failed_on_a], rooms, order={A: 1, B: 2}) == [True]
    assert taken(A, [failed_on_a], rooms | {B: Room()}, order={A: 1, B: 2}) == [True]


def test_a_call_that_only_one_can_place_waits_for_no_other() -> None:
    rooms = {A: Room(1, 1), B: Room(1, 1)}

    assert taken(B, [Wish(able=frozenset({B}))], rooms) == [True]


def test_alarms_leave_the_trying_out_of_a_trunk_to_campaigns() -> None:
    rooms = {A: Room(1, 1, suspect=True), B: Room(1, 1)}

    assert taken(A, [CALL], rooms) == [True]
    assert taken(A, [CALL], rooms, is_alarm=True) == [False]
    assert taken(A, [CALL], rooms | {B: Room()}, is_alarm=True) == [True]


@given(wishes, orders, rooms_of_all(), st.booleans())
def test_no_call_is_left_to_nobody(
    calls: list[Wish], order: dict[str, int], rooms: dict[str, Room], is_alarm: bool
) -> None:
    """Whatever is left by one trunk is taken by another, or all that could have are full of such calls."""
    for place, call in enumerate(calls):
        able = [key for key in order if call.able is None or key in call.able]
        takes = {key: mine(key, calls, order, copied(rooms), is_alarm=is_alarm)[place] for key in able}
        open_to_it = [key for key in able if rooms[key].has(is_alarm=is_alarm)]
        if open_to_it and place == 0:
            assert any(takes[key] for key in open_to_it)
        if not open_to_it:
            assert all(takes.values())


@given(wishes, orders, rooms_of_all(), st.booleans(), keys)
def test_no_more_is_left_to_others_than_they_can_take(
    calls: list[Wish], order: dict[str, int], rooms: dict[str, Room], is_alarm: bool, here: str
) -> None:
    order = order | {here: 2}
    left = mine(here, calls, order, copied(rooms), is_alarm=is_alarm).count(False)

    others = [rooms[key] for key in order if key != here]
    assert left <= sum(room.all if is_alarm else room.campaigns for room in others)


@given(orders, rooms_of_all(), st.booleans(), keys)
def test_so_many_calls_are_looked_at_that_one_for_each_own_channel_is_left(
    order: dict[str, int], rooms: dict[str, Room], is_alarm: bool, here: str
) -> None:
    """As long as nothing but the ranks decides."""
    order = order | {here: 2}
    rooms = {key: replace(room, suspect=False) for key, room in rooms.items()}
    own = 3
    calls = [CALL] * (own + spare(here, order, rooms, is_alarm=is_alarm))

    assert mine(here, calls, order, copied(rooms), is_alarm=is_alarm).count(True) == own


FREE = TrunkLoad(channels=5, reserved=2)


@pytest.mark.parametrize(
    ("changed", "room"),
    [
        ({}, Room(5, 3)),
        ({"campaigns": 2}, Room(3, 1)),
        ({"campaigns": 3}, Room(2, 0)),
        ({"alarms": 2, "others": 1}, Room(2, 2)),
        ({"paused": True}, Room()),
        ({"down": "hq shows it as Failure"}, Room()),
        ({"blocked_until": NOW + timedelta(seconds=1)}, Room()),
        ({"blocked_until": NOW, "trying": 0}, Room(1, 1, suspect=True)),
        ({"blocked_until": NOW, "trying": 1}, Room(0, 0, suspect=True)),
        ({"unread_since": NOW}, Room(0, 0, suspect=True)),
        ({"unread_since": NOW - timedelta(seconds=10)}, Room(5, 0, suspect=True)),
        ({"blocked_until": NOW, "trying": 0, "vouched": True}, Room(1, 1)),
        ({"blocked_until": NOW - timedelta(minutes=5), "trying": 0}, Room(1, 1)),
        ({"calls_per_second": 1.0, "next_slot_at": NOW + timedelta(seconds=1)}, Room()),
        ({"calls_per_second": 1.0}, Room(1, 1)),
    ],
)
def test_what_a_trunk_could_start_now(changed: dict[str, Any], room: Room) -> None:
    load = replace(FREE, **changed)

    assert room_of(load, NOW) == room
    assert startable(load, NOW) == room.all
