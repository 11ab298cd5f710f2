"""Calling windows: on which days and between which local times a campaign may ring."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    local = now.astimezone(zone)
    openings: list[datetime] = []
    for ahead in range(9):
        day = (local + timedelta(days=ahead)).date()
        for window in windows:
            opening = datetime.combine(day, window.start, tzinfo=zone).astimezone(now.tzinfo)
            if opening > now and is_open([window], zone, opening):
                openings.append(opening)
    if not openings:
        raise ValueError("none of the calling windows ever opens")
    return min(openings)
