"""Calling windows: on which days and between which local times a campaign may ring."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dispatcher.domain.local_time import clock_change

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAYS_AHEAD = 16
"""A window of one weekday that falls into the hour that summer time skips opens a week later."""


@dataclass(frozen=True, slots=True)
class Window:
    """Open on ``days`` (0 is Monday) from ``start`` until before ``end``, local time.

    A window whose end is not after its start runs over midnight into the next day.
    """

    days: frozenset[int]
    start: time
    end: time

    def holds(self, local: datetime) -> bool:
        """Whether the local time ``local`` lies in this window."""
        clock = local.time()
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= clock < self.end
        if clock >= self.start:
            return local.weekday() in self.days
        return clock < self.end and (local.weekday() - 1) % 7 in self.days


def is_open(windows: Sequence[Window], zone: tzinfo, now: datetime) -> bool:
    """Whether calling is allowed at ``now``. No windows at all means always."""
    if not windows:
        return True
    local = now.astimezone(zone)
    return any(window.holds(local) for window in windows)


def next_opening(windows: Sequence[Window], zone: tzinfo, now: datetime) -> datetime:
    """The earliest instant from ``now`` on at which calling is allowed.

    Raises ``ValueError`` when no window ever opens.
    """
    if is_open(windows, zone, now):
        return now
    start = now.astimezone(UTC)
    today = now.astimezone(zone).date()
    for ahead in range(_DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        possible = sorted(at for at in _boundaries(windows, zone, day) if at > start)
        for at in possible:
            if is_open(windows, zone, at):
                return at.astimezone(now.tzinfo)
    raise ValueError("none of the calling windows ever opens")


def next_closing(windows: Sequence[Window], zone: tzinfo, now: datetime) -> datetime:
    """The earliest instant after ``now`` at which no window is open, for windows that are open now.

    Windows that are always open close in :data:`_DAYS_AHEAD` days, when they are to be asked again.
    """
    start = now.astimezone(UTC)
    today = now.astimezone(zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        for at in sorted(_boundaries(windows, zone, today + timedelta(days=ahead))):
            if at > start and not is_open(windows, zone, at):
                return at.astimezone(now.tzinfo)
    return now + timedelta(days=_DAYS_AHEAD)


def _boundaries(windows: Sequence[Window], zone: tzinfo, day: date) -> Iterator[datetime]:
    """Every instant of a local day, in UTC, at which a window may open or close.

    Windows open at their start and close at their end, which come twice on a day when the clock is put
    back, and with the clock itself, when it is put forward into a window or back into one that was over.
    """
    midnight, next_midnight = _instant(day, time(0), zone), _instant(day + timedelta(days=1), time(0), zone)
    yield midnight
    for window in windows:
        yield _instant(day, window.start, zone)
        yield _instant(day, window.start, zone, fold=1)
        yield _instant(day, window.end, zone)
        yield _instant(day, window.end, zone, fold=1)
    if midnight.astimezone(zone).utcoffset() != next_midnight.astimezone(zone).utcoffset():
        yield clock_change(midnight, next_midnight, zone)


def _instant(day: date, clock: time, zone: tzinfo, *, fold: int = 0) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).replace(fold=fold).astimezone(UTC)
