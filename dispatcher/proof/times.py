"""Times as a proof shows them: in UTC, and as the clock on the policy's wall had them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def utc(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: datetime | None, zone: ZoneInfo) -> str | None:
    """The same instant in a time zone, with its distance from UTC."""
    return None if at is None else at.astimezone(zone).isoformat(timespec="milliseconds")
