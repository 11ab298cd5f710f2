"""Schedules: layers over each other, overrides over them all, who is on call now and next, and gaps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.rotations import Duty, OnHolidays, Restricted, Rotation
from dispatcher.domain.schedules import (
    Handover,
    Joins,
    Layer,
    Override,
    Schedule,
    gaps,
    next_handover,
    on_call,
    shifts,
)
from dispatcher.domain.windows import Window

START = datetime(2026, 10, 19, tzinfo=UTC)
"""A Monday in the week in which Europe's summer time ends."""


@dataclass(frozen=True)
class Fixed:
    """A rota that is written out."""

    entries: tuple[tuple[int, int, str], ...]

    def duties(self, start: datetime, end: datetime) -> Iterator[Duty]:
        for begin, until, who in self.entries:
            yield Duty(at(begin), at(until), (who,))


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def layer(*entries: tuple[int, int, str], joins: Joins = Joins.OVERRIDE) -> Layer:
    return Layer(Fixed(entries), joins)


def told(duties: list[Duty]) -> list[tuple[float, float, str]]:
    """Each duty as hours from the start, and those on call joined by a plus sign."""
    hour = timedelta(hours=1)
    return [((one.start - START) / hour, (one.end - START) / hour, "+".join(one.who)) for one in duties]


BASE = layer((0, 10, "anna"), (10, 20, "bob"))


@pytest.mark.parametrize(
    ("joins", "expected"),
    [
        (Joins.OVERRIDE, [(0, 8, "anna"), (8, 12, "carl"), (12, 20, "bob"), (20, 24, "carl")]),
        (Joins.FILL, [(0, 10, "anna"), (10, 20, "bob"), (20, 24, "carl")]),
        (
            Joins.ADD,
            [(0, 8, "anna"), (8, 10, "anna+carl"), (10, 12, "bob+carl"), (12, 20, "bob"), (20, 24, "carl")],
        ),
    ],
)
def test_how_a_layer_goes_together_with_those_before_it(
    joins: Joins, expected: list[tuple[float, float, str]]
) -> None:
    schedule = Schedule([BASE, layer((8, 12, "carl"), (20, 24, "carl"), joins=joins)])
    assert told(shifts(schedule, at(0), at(30))) == expected
    assert told(gaps(schedule, at(0), at(30))) == [(24, 30, "")]


def test_duties_of_one_layer_at_the_same_time_are_on_call_together() -> None:
    schedule = Schedule([layer((0, 10, "anna"), (5, 15, "bob"), (6, 7, "anna"))])
    assert told(shifts(schedule, at(0), at(20))) == [(0, 5, "anna"), (5, 10, "anna+bob"), (10, 15, "bob")]


def test_an_override_takes_over_from_everybody_or_from_one() -> None:
    both = Schedule([BASE, layer((0, 20, "carl"), joins=Joins.ADD)], [Override(at(2), at(4), "dora")])
    assert told(shifts(both, at(0), at(6))) == [(0, 2, "anna+carl"), (2, 4, "dora"), (4, 6, "anna+carl")]
    one = Schedule(both.layers, [Override(at(8), at(12), "dora", instead_of="anna")])
    assert told(shifts(one, at(7), at(13))) == [
        (7, 8, "anna+carl"),
        (8, 10, "dora+carl"),
        (10, 13, "bob+carl"),
    ]


def test_an_override_fills_a_gap_and_the_later_of_two_counts() -> None:
    schedule = Schedule([], [Override(at(0), at(4), "anna"), Override(at(2), at(6), "bob")])
    assert told(shifts(schedule, at(0), at(8))) == [(0, 2, "anna"), (2, 6, "bob")]
    assert told(gaps(schedule, at(0), at(8))) == [(6, 8, "")]


def test_without_a_replacement_those_who_are_off_leave_a_gap() -> None:
    off = Schedule([BASE], [Override(at(2), at(12), None, instead_of="anna")])
    assert told(shifts(off, at(0), at(20))) == [(0, 2, "anna"), (10, 20, "bob")]
    assert told(gaps(off, at(0), at(20))) == [(2, 10, "")]
    everybody = Schedule([BASE], [Override(at(2), at(12), None), Override(at(11), at(12), "carl")])
    assert told(gaps(everybody, at(0), at(20))) == [(2, 11, "")]
    beside = Schedule([BASE, layer((0, 20, "carl"), joins=Joins.ADD)], off.overrides)
    assert told(shifts(beside, at(0), at(20)))[1] == (2, 10, "carl")


@pytest.mark.parametrize(
    ("overrides", "who"),
    [
        ([("bob", "anna"), ("carl", "anna")], ("carl", "eve")),
        ([(None, "anna"), ("carl", "anna")], ("carl", "eve")),
        ([("bob", "anna"), ("carl", "bob")], ("carl", "eve")),
        ([("carl", "bob"), ("bob", "anna")], ("bob", "eve")),
        ([("bob", "anna"), ("carl", "bob"), ("dora", "anna")], ("dora", "eve")),
        ([("bob", "anna"), ("anna", "bob")], ("anna", "eve")),
        ([("carl", "anna"), (None, "anna")], ("eve",)),
        ([(None, None), ("carl", "anna")], ("carl",)),
        ([("bob", None), ("carl", "anna")], ("carl", "bob")),
        ([("carl", "anna"), ("bob", None)], ("bob",)),
        ([("carl", "dora")], ("anna", "eve")),
    ],
)
def test_of_two_overrides_of_one_place_the_later_counts(
    overrides: list[tuple[str | None, str | None]], who: tuple[str, ...]
) -> None:
    both = layer((0, 20, "anna"), (0, 20, "eve"))
    made = [Override(at(0), at(20), name, instead_of=relieved) for name, relieved in overrides]
    assert on_call(Schedule([both], made), at(1)) == who


def test_whoever_took_over_where_nobody_was_can_be_relieved() -> None:
    made = [Override(at(0), at(20), "bob"), Override(at(5), at(20), "carl", instead_of="bob")]
    assert told(shifts(Schedule([], made), at(0), at(20))) == [(0, 5, "bob"), (5, 20, "carl")]


def test_whoever_stands_in_for_somebody_already_on_call_is_called_once() -> None:
    schedule = Schedule(
        [BASE, layer((0, 20, "carl"), joins=Joins.ADD)], [Override(at(0), at(20), "carl", instead_of="anna")]
    )
    assert on_call(schedule, at(1)) == ("carl",)


def test_who_is_on_call_and_who_is_next() -> None:
    schedule = Schedule([BASE])
    assert on_call(schedule, at(10)) == ("bob",)
    assert on_call(schedule, at(10) - timedelta(microseconds=1)) == ("anna",)
    assert next_handover(schedule, at(3)) == Handover(at(10), ("bob",))
    assert next_handover(schedule, at(10)) == Handover(at(20), ())
    assert next_handover(schedule, at(20)) is None
    assert next_handover(Schedule([layer((24 * 300, 24 * 301, "anna"))]), at(0)) == Handover(
        at(24 * 300), ("anna",)
    )


def test_a_shift_of_one_person_in_two_layers_is_one_shift() -> None:
    schedule = Schedule([layer((0, 10, "anna")), layer((5, 15, "anna"))])
    assert told(shifts(schedule, at(0), at(20))) == [(0, 15, "anna")]


def test_an_office_and_its_nights_through_a_holiday_and_the_end_of_summer_time() -> None:
    """The office by day, a weekly rotation by night and on the holiday: what people write most often."""
    zone = ZoneInfo("Europe/Amsterdam")
    holidays = frozenset({date(2026, 10, 23)})
    nights = Rotation(("nina", "otto"), zone, datetime.fromisoformat("2026-10-19 08:00"), timedelta(weeks=1))
    days = Rotation(("desk",), zone, datetime.fromisoformat("2026-01-05 08:00"), timedelta(weeks=1))
    office = Restricted(
        days, zone, [Window(frozenset(range(5)), time(8), time(18))], OnHolidays.SKIP, holidays
    )
    schedule = Schedule([Layer(nights), Layer(office)])
    week = [
        (f"{one.start.astimezone(zone):%a %H:%M}", one.who)
        for one in shifts(
            schedule, datetime(2026, 10, 22, 10, tzinfo=zone), datetime(2026, 10, 26, 19, tzinfo=zone)
        )
    ]
    assert week == [
        ("Thu 10:00", ("desk",)),
        ("Thu 18:00", ("nina",)),
        ("Mon 08:00", ("desk",)),
        ("Mon 18:00", ("otto",)),
    ]
    assert gaps(schedule, datetime(2026, 10, 19, 8, tzinfo=zone), datetime(2027, 1, 1, tzinfo=zone)) == []


# Properties, with layers and overrides of any shape.

names = st.sampled_from(["anna", "bob", "carl"])
spans = st.tuples(st.integers(0, 96), st.integers(1, 48)).map(lambda pair: (pair[0], pair[0] + pair[1]))
entries = st.tuples(spans, names).map(lambda pair: (*pair[0], pair[1]))
fixed = st.lists(entries, max_size=6).map(lambda items: Fixed(tuple(items)))
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 23).map(time),
    st.integers(0, 23).map(time),
)
zones = st.sampled_from([ZoneInfo("Europe/Amsterdam"), ZoneInfo("UTC"), ZoneInfo("America/Sao_Paulo")])
rotations = st.builds(
    Rotation,
    st.lists(names, min_size=1, max_size=4).map(tuple),
    zones,
    st.integers(0, 200).map(lambda hours: datetime.fromisoformat("2026-10-17") + timedelta(hours=hours)),
    st.sampled_from([1, 5, 12, 24, 36, 168]).map(lambda hours: timedelta(hours=hours)),
)
restricted = st.builds(
    Restricted,
    rotations,
    zones,
    st.lists(windows, max_size=3).map(tuple),
    st.sampled_from(OnHolidays),
    st.frozensets(st.integers(19, 27).map(lambda day: date(2026, 10, day))),
)
overrides = st.builds(
    lambda span, who, instead: Override(at(span[0]), at(span[1]), who, instead),
    spans,
    st.none() | names,
    st.none() | names,
)
schedules = st.builds(
    Schedule,
    st.lists(st.builds(Layer, st.one_of(fixed, rotations, restricted), st.sampled_from(Joins)), max_size=4),
    st.lists(overrides, max_size=3),
)
minutes = st.integers(-3 * 24 * 60, 12 * 24 * 60).map(lambda number: START + timedelta(minutes=number))


@given(schedules, minutes, st.integers(1, 20_000))
def test_shifts_and_gaps_are_the_whole_time_and_never_overlap(
    schedule: Schedule, start: datetime, length: int
) -> None:
    end = start + timedelta(minutes=length)
    parts = sorted([*shifts(schedule, start, end), *gaps(schedule, start, end)])
    assert parts[0].start == start
    assert parts[-1].end == end
    for one, following in pairwise(parts):
        assert one.start < one.end == following.start
        assert one.who != following.who


@given(schedules, minutes, st.integers(0, 4000))
def test_who_is_on_call_is_what_the_shifts_say(schedule: Schedule, start: datetime, offset: int) -> None:
    asked = start + timedelta(minutes=offset)
    covering = [
        one for one in shifts(schedule, start, start + timedelta(days=3)) if one.start <= asked < one.end
    ]
    assert [one.who for one in covering] == [who for who in [on_call(schedule, asked)] if who]


@given(schedules, minutes)
def test_nobody_changes_before_the_next_hand_over(schedule: Schedule, asked: datetime) -> None:
    now = on_call(schedule, asked)
    following = next_handover(schedule, asked)
    if following is None:
        [only] = [
            *shifts(schedule, asked, asked + timedelta(days=30)),
            *gaps(schedule, asked, asked + timedelta(days=30)),
        ]
        assert only.who == now
        return
    assert following.who != now
    assert on_call(schedule, following.at) == following.who
    assert on_call(schedule, following.at - timedelta(microseconds=1)) == now


@given(schedules, minutes)
def test_the_part_asked_for_does_not_change_the_answer(schedule: Schedule, middle: datetime) -> None:
    start, end = START - timedelta(days=4), START + timedelta(days=14)
    halves = [*shifts(schedule, start, middle), *shifts(schedule, middle, end)]
    together: list[Duty] = []
    for one in halves:
        if together and together[-1].end == one.start and together[-1].who == one.who:
            together[-1] = together[-1]._replace(end=one.end)
        else:
            together.append(one)
    assert together == shifts(schedule, start, end)
