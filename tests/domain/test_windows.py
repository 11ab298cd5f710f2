"""Calling windows: over midnight, over weekends, and over the days on which the clock changes."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.domain.windows import Window, is_open, next_opening

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
EVERY_DAY = frozenset(range(7))
WORKDAYS = frozenset(range(5))
SATURDAY, SUNDAY = 5, 6
OFFICE = Window(WORKDAYS, time(9), time(20))
NIGHT = Window(frozenset({4}), time(22), time(6))
"""From Friday 22:00 to Saturday 06:00."""


def at(text: str, zone: ZoneInfo = AMSTERDAM, *, fold: int = 0) -> datetime:
    """A local time as an instant; ``fold`` 1 is the second time that it comes."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def opens(*windows: Window, now: datetime, zone: ZoneInfo = AMSTERDAM) -> datetime:
    return next_opening(windows, zone, now)


# On ordinary days.


@pytest.mark.parametrize(
    ("local", "allowed"),
    [
        ("2026-11-20 08:59:59", False),
        ("2026-11-20 09:00", True),
        ("2026-11-20 19:59:59.999999", True),
        ("2026-11-20 20:00", False),
        ("2026-11-21 12:00", False),  # a Saturday
    ],
)
def test_a_window_holds_from_its_start_until_before_its_end(local: str, allowed: bool) -> None:
    assert is_open([OFFICE], AMSTERDAM, at(local)) is allowed


@pytest.mark.parametrize(
    ("local", "allowed"),
    [
        ("2026-11-20 21:59", False),
        ("2026-11-20 22:00", True),
        ("2026-11-21 00:00", True),
        ("2026-11-21 05:59", True),
        ("2026-11-21 06:00", False),
        ("2026-11-20 05:00", False),  # the night before is not Friday's
        ("2026-11-21 22:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_starts_on(local: str, allowed: bool) -> None:
    assert is_open([NIGHT], AMSTERDAM, at(local)) is allowed


def test_a_window_that_ends_when_it_starts_is_open_for_a_day() -> None:
    from_nine = Window(frozenset({4}), time(9), time(9))
    assert opens(from_nine, now=at("2026-11-20 08:00")) == at("2026-11-20 09:00")
    assert is_open([from_nine], AMSTERDAM, at("2026-11-21 08:59"))
    assert not is_open([from_nine], AMSTERDAM, at("2026-11-21 09:00"))


def test_no_windows_at_all_means_always() -> None:
    now = at("2026-11-21 03:00")
    assert is_open([], AMSTERDAM, now)
    assert opens(now=now) == now


def test_an_open_window_opens_now() -> None:
    now = at("2026-11-20 12:34:56.789")
    assert opens(OFFICE, now=now) == now


def test_the_next_opening_is_after_the_weekend() -> None:
    assert opens(OFFICE, now=at("2026-11-20 20:00")) == at("2026-11-23 09:00")


def test_the_earliest_of_several_windows_counts() -> None:
    early = Window(frozenset({0}), time(7), time(8))
    assert opens(OFFICE, early, now=at("2026-11-20 20:00")) == at("2026-11-23 07:00")


def test_a_window_on_no_day_never_opens() -> None:
    with pytest.raises(ValueError, match="none of the calling windows ever opens"):
        opens(Window(frozenset(), time(9), time(20)), now=at("2026-11-20 12:00"))


def test_the_answer_is_in_the_zone_of_the_question() -> None:
    local = at("2026-11-20 21:00").astimezone(AMSTERDAM)
    assert opens(OFFICE, now=local).tzinfo is AMSTERDAM
    assert opens(OFFICE, now=local) == at("2026-11-23 09:00")


# When the clock is put forward: 2026-03-29 has no 02:00 to 03:00 in Amsterdam.


def test_a_window_that_starts_in_the_missing_hour_opens_when_the_clock_has_jumped() -> None:
    window = Window(frozenset({SUNDAY}), time(2, 30), time(6))
    assert opens(window, now=at("2026-03-29 00:00")) == at("2026-03-29 03:00")


def test_a_window_that_ends_soon_after_the_missing_hour_is_not_passed_over() -> None:
    window = Window(frozenset({SUNDAY}), time(2, 30), time(3, 15))
    assert opens(window, now=at("2026-03-28 12:00")) == at("2026-03-29 03:00")


def test_a_window_inside_the_missing_hour_opens_a_week_later() -> None:
    window = Window(frozenset({SUNDAY}), time(2, 10), time(2, 50))
    assert opens(window, now=at("2026-03-23 12:00")) == at("2026-04-05 02:10")


# When the clock is put back: 2026-10-25 has 02:00 to 03:00 twice in Amsterdam.


def test_a_window_in_the_double_hour_opens_twice() -> None:
    window = Window(frozenset({SUNDAY}), time(2), time(2, 30))
    assert opens(window, now=at("2026-10-25 01:00")) == at("2026-10-25 02:00")
    assert opens(window, now=at("2026-10-25 02:45")) == at("2026-10-25 02:00", fold=1)


def test_a_window_that_reaches_into_the_double_hour_opens_again_with_the_clock() -> None:
    window = Window(frozenset({SUNDAY}), time(1), time(2, 15))
    assert opens(window, now=at("2026-10-25 02:20")) == at("2026-10-25 02:00", fold=1)


# Against a scan.

CLOCK_CHANGES = [
    ("Europe/Amsterdam", "2026-03-29 01:00"),
    ("Europe/Amsterdam", "2026-10-25 01:00"),
    ("America/New_York", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 06:00"),
    ("Asia/Beirut", "2026-03-28 22:00"),  # at midnight
    ("Asia/Beirut", "2026-10-24 21:00"),  # at midnight, back into the day before
    ("America/Nuuk", "2026-03-29 01:00"),  # an hour before midnight
    ("Australia/Lord_Howe", "2026-04-04 15:00"),  # by half an hour
    ("Asia/Kathmandu", "2026-06-01 00:00"),  # never, and a quarter of an hour off
]

clocks = st.integers(0, 24 * 12 - 1).map(lambda fives: time(fives // 12, fives % 12 * 5))
instants = st.integers(0, 6 * 365 * 24 * 60).map(
    lambda minutes: at("2024-01-01") + timedelta(minutes=minutes)
)
windows = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), clocks, clocks)


def scan(windows: Sequence[Window], zone: ZoneInfo, now: datetime, days: int) -> datetime | None:
    """The first instant at which calling is allowed, looked for in steps of five minutes as windows have."""
    for steps in range(days * 24 * 12):
        later = now + timedelta(minutes=5 * steps)
        if is_open(windows, zone, later):
            return later
    return None


@settings(max_examples=60)
@given(
    st.sampled_from(CLOCK_CHANGES),
    st.lists(windows, min_size=1, max_size=2),
    st.integers(-3 * 24 * 12, 12 * 12),
)
def test_the_next_opening_is_the_earliest(
    change: tuple[str, str], windows: list[Window], fives_from_change: int
) -> None:
    zone = ZoneInfo(change[0])
    now = at(change[1], ZoneInfo("UTC")) + timedelta(minutes=5 * fives_from_change)
    assert next_opening(windows, zone, now) == scan(windows, zone, now, days=16)


@given(windows, instants)
def test_it_is_open_at_the_opening_and_closed_just_before(window: Window, now: datetime) -> None:
    opening = next_opening([window], AMSTERDAM, now)
    assert opening >= now
    assert is_open([window], AMSTERDAM, opening)
    if opening > now:
        assert not is_open([window], AMSTERDAM, max(now, opening - timedelta(microseconds=1)))
