"""Clocks on the wall: the instant at which a local time comes, also on days when the clock is changed."""

from datetime import UTC, datetime, timedelta, tzinfo


def instant(local: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which the clocks of ``zone`` show ``local``, a time without a zone.

    A time that comes twice is meant the first time; one that is skipped is the instant at which the
    clock skips it. So later local times are never at earlier instants.
    """
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return at
    return clock_change(local.replace(tzinfo=zone, fold=1).astimezone(UTC), at, zone)


def wall_clock(at: datetime, zone: tzinfo) -> datetime:
    """What the clocks of ``zone`` show at an instant, as a time without a zone."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def clock_change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first second at which the zone's offset is no longer that of ``before``."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
