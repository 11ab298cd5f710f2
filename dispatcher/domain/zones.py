"""Calling windows in several time zones at once, for a callee who may be in any of them.

A mobile number of Australia or Spain may be anywhere in its country, so such a call is only allowed
while every zone of it is within the windows. The zones are stored as ``Europe/Madrid,Atlantic/Canary``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from dispatcher.domain.windows import Window, next_opening

SEPARATOR = ","
_AHEAD = timedelta(days=9)
_SAMPLES = tuple(timedelta(days=15 * number) for number in range(50))


@lru_cache(maxsize=4096)
def zones_from(text: str) -> tuple[ZoneInfo, ...]:
    """The zones of a stored text; raises ``ZoneInfoNotFoundError`` (a ``KeyError``) for an unknown one."""
    return tuple(ZoneInfo(name) for name in text.split(SEPARATOR))


def next_opening_everywhere(windows: Sequence[Window], zones: Iterable[tzinfo], now: datetime) -> datetime:
    """The earliest instant from ``now`` on at which calling is allowed in every one of ``zones``.

    Raises ``ValueError`` when there is none within nine days, which hold every weekday in every zone.
    """
    places = list(zones)
    at = now
    while at <= now + _AHEAD:
        latest = max((next_opening(windows, zone, at) for zone in places), default=at)
        if latest == at:
            return at
        at = latest
    raise ValueError("the calling windows of these time zones never overlap")


def distinct(names: Iterable[str], now: datetime) -> list[str]:
    """One name for each set of zones that keep the same time over the next two years, sorted."""
    by_rule: dict[tuple[timedelta | None, ...], str] = {}
    for name in sorted(names):
        zone = ZoneInfo(name)
        by_rule.setdefault(tuple((now + ahead).astimezone(zone).utcoffset() for ahead in _SAMPLES), name)
    return sorted(by_rule.values())


def opening(windows: Sequence[Window], zones: str | None, now: datetime) -> datetime:
    """When a call may start, ``now`` or later, whose ``zones`` are as they are stored (None: UTC).

    Raises ``ValueError`` when that is never.
    """
    return next_opening_everywhere(windows, zones_from(zones or "UTC"), now)
