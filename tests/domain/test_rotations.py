"""Rotations: turns by the clock on the wall, restrictions to hours and days, holidays."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.local_time import instant, wall_clock
from dispatcher.domain.rotations import Duty, OnHolidays, Restricted, Rotation
from dispatcher.domain.windows import Window

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ZONES = [ZoneInfo(name) for name in ("Europe/Amsterdam", "UTC", "Australia/Lord_Howe", "America/New_York")]
WORKDAYS = frozenset(range(5))


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def local(text: str, zone: ZoneInfo = AMSTERDAM, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def rotation(first: str, *members: str, **options: object) -> Rotation:
    period = options.pop("period", timedelta(weeks=1))
    return Rotation(members, AMSTERDAM, naive(first), period, **options)  # type: ignore[arg-type]


def shown(duties: list[Duty]) -> list[tuple[str, ...]]:
    """Each duty as its local start and end, and who."""
    return [
        (f"{wall_clock(start, AMSTERDAM):%m-%d %H:%M}", f"{wall_clock(end, AMSTERDAM):%m-%d %H:%M}", *who)
        for start, end, who in duties
    ]


# Local times.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-29 01:59", "2026-03-29T00:59+00:00"),
        ("2026-03-29 02:00", "2026-03-29T01:00+00:00"),  # skipped: the clock goes from 02:00 to 03:00
        ("2026-03-29 02:59", "2026-03-29T01:00+00:00"),
        ("2026-03-29 03:00", "2026-03-29T01:00+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30+00:00"),  # comes twice: the first is meant
        ("2026-10-25 03:00", "2026-10-25T02:00+00:00"),
    ],
)
def test_skipped_and_repeated_hours_have_one_instant(written: str, meant: str) -> None:
    assert instant(datetime.fromisoformat(written), AMSTERDAM) == datetime.fromisoformat(meant)


local_times = st.datetimes(naive("2026-01-01"), naive("2027-12-31")).map(
    lambda value: value.replace(second=0, microsecond=0)
)


@given(st.sampled_from(ZONES), local_times, local_times)
def test_later_local_times_are_never_earlier_instants(zone: ZoneInfo, one: datetime, other: datetime) -> None:
    first, last = sorted([one, other])
    assert instant(first, zone) <= instant(last, zone)


@given(st.sampled_from(ZONES), local_times)
def test_the_clock_shows_the_time_meant_unless_that_is_skipped(zone: ZoneInfo, written: datetime) -> None:
    shows = wall_clock(instant(written, zone), zone)
    assert shows == written or written < shows <= written + timedelta(hours=1)


# Turns.


def test_a_weekly_hand_over_stays_at_its_hour_when_summer_time_ends() -> None:
    duties = list(
        rotation("2026-10-19 08:00", "anna", "bob").duties(
            local("2026-10-19 08:00"), local("2026-11-09 08:00")
        )
    )
    assert shown(duties) == [
        ("10-19 08:00", "10-26 08:00", "anna"),
        ("10-26 08:00", "11-02 08:00", "bob"),
        ("11-02 08:00", "11-09 08:00", "anna"),
    ]
    assert duties[0].end - duties[0].start == timedelta(days=7, hours=1)


def test_shifts_of_twelve_hours_keep_their_local_times() -> None:
    turns = rotation("2026-03-28 08:00", "day", "night", period=timedelta(hours=12))
    duties = list(turns.duties(local("2026-03-28 09:00"), local("2026-03-29 21:00")))
    assert shown(duties) == [
        ("03-28 08:00", "03-28 20:00", "day"),
        ("03-28 20:00", "03-29 08:00", "night"),
        ("03-29 08:00", "03-29 20:00", "day"),
        ("03-29 20:00", "03-30 08:00", "night"),
    ]
    assert duties[1].end - duties[1].start == timedelta(hours=11)


def test_hourly_turns_in_the_hour_that_comes_twice_and_the_one_that_is_skipped() -> None:
    turns = rotation("2026-10-25 00:00", "a", "b", "c", "d", period=timedelta(hours=1))
    repeated = list(turns.duties(local("2026-10-25 01:00"), local("2026-10-25 04:00")))
    assert [(duty.who, duty.end - duty.start) for duty in repeated] == [
        (("b",), timedelta(hours=1)),
        (("c",), timedelta(hours=2)),
        (("d",), timedelta(hours=1)),
    ]
    turns = rotation("2026-03-29 00:00", "a", "b", "c", "d", period=timedelta(hours=1))
    skipped = turns.duties(local("2026-03-29 00:00"), local("2026-03-29 05:00"))
    assert [duty.who for duty in skipped] == [("a",), ("b",), ("d",), ("a",)]


def test_the_first_turn_ends_at_the_first_weekday_of_hand_over() -> None:
    turns = rotation("2026-11-18 08:00", "anna", "bob", weekday=0)  # a Wednesday
    assert shown(list(turns.duties(local("2026-11-01 00:00"), local("2026-12-01 08:00")))) == [
        ("11-18 08:00", "11-23 08:00", "anna"),
        ("11-23 08:00", "11-30 08:00", "bob"),
        ("11-30 08:00", "12-07 08:00", "anna"),
    ]


def test_a_fortnight_that_starts_on_its_weekday_is_a_whole_one() -> None:
    turns = rotation("2026-11-16 08:00", "anna", "bob", weekday=0, period=timedelta(weeks=2))
    assert [duty.who for duty in turns.duties(local("2026-11-16 08:00"), local("2026-12-15 00:00"))] == [
        ("anna",),
        ("bob",),
        ("anna",),
    ]


def test_nobody_before_the_start_and_from_the_end_on() -> None:
    turns = rotation("2026-11-16 08:00", "anna", period=timedelta(days=1), until=naive("2026-11-17 12:00"))
    assert shown(list(turns.duties(local("2026-11-01 00:00"), local("2026-12-01 00:00")))) == [
        ("11-16 08:00", "11-17 12:00", "anna"),
    ]
    turns = rotation("2026-11-16 08:00", "anna", "bob", period=timedelta(days=1), until=turns.until)
    assert shown(list(turns.duties(local("2026-11-01 00:00"), local("2026-12-01 00:00")))) == [
        ("11-16 08:00", "11-17 08:00", "anna"),
        ("11-17 08:00", "11-17 12:00", "bob"),
    ]


@given(
    st.sampled_from(ZONES),
    st.datetimes(naive("2026-03-01"), naive("2026-11-10")).map(
        lambda at: at.replace(second=0, microsecond=0)
    ),
    st.integers(1, 400),
    st.integers(1, 5),
    st.none() | st.integers(0, 6),
    st.integers(0, 3000),
)
def test_turns_follow_each_other_without_a_gap(
    zone: ZoneInfo, first: datetime, hours: int, count: int, weekday: int | None, later: int
) -> None:
    members = tuple(str(number) for number in range(count))
    turns = Rotation(members, zone, first, timedelta(hours=hours), weekday)
    start = instant(first, zone) + timedelta(hours=later)
    end = start + timedelta(hours=5 * hours)
    duties = list(turns.duties(start, end))
    assert duties[0].start <= start
    assert duties[-1].end >= end
    for one, following in pairwise(duties):
        assert one.end == following.start
        assert one.start < one.end


# Restrictions.

OFFICE = Window(WORKDAYS, time(9), time(17))
NIGHTS = Window(frozenset(range(7)), time(20), time(8))


def restricted(*windows: Window, **options: object) -> Restricted:
    rota = rotation("2026-01-05 08:00", "anna")
    return Restricted(rota, AMSTERDAM, windows, **options)  # type: ignore[arg-type]


def test_a_restriction_leaves_only_its_hours() -> None:
    duties = list(restricted(OFFICE).duties(local("2026-11-20 12:00"), local("2026-11-23 12:00")))
    assert shown(duties) == [("11-20 12:00", "11-20 17:00", "anna"), ("11-23 09:00", "11-23 12:00", "anna")]


def test_a_night_that_the_clock_changes_in_is_longer_or_shorter() -> None:
    [night] = restricted(NIGHTS).duties(local("2026-10-24 12:00"), local("2026-10-25 12:00"))
    assert night.end - night.start == timedelta(hours=13)
    [night] = restricted(NIGHTS).duties(local("2026-03-28 12:00"), local("2026-03-29 12:00"))
    assert night.end - night.start == timedelta(hours=11)


def test_on_holidays_a_layer_may_rest_or_be_the_only_one() -> None:
    christmas = frozenset({date(2026, 12, 25)})
    days = local("2026-12-24 00:00"), local("2026-12-27 00:00")
    skipping = restricted(NIGHTS, on_holidays=OnHolidays.SKIP, holidays=christmas)
    assert shown(list(skipping.duties(*days))) == [
        ("12-24 00:00", "12-24 08:00", "anna"),
        ("12-24 20:00", "12-25 00:00", "anna"),
        ("12-26 00:00", "12-26 08:00", "anna"),
        ("12-26 20:00", "12-27 00:00", "anna"),
    ]
    only = restricted(on_holidays=OnHolidays.ONLY, holidays=christmas)
    assert shown(list(only.duties(*days))) == [("12-25 00:00", "12-26 00:00", "anna")]
    as_usual = restricted(holidays=christmas)
    assert shown(list(as_usual.duties(*days))) == [("12-24 00:00", "12-27 00:00", "anna")]
