"""Since when a PBX's stream of reports is not read. Pure: what the store knows of it is an argument."""

from datetime import datetime


def unread_since(
    now: datetime,
    began: datetime,
    *,
    connected_at: datetime | None,
    lost_at: datetime | None,
    leased_until: datetime | None,
) -> datetime | None:
    """Since when nobody reads a stream, None while somebody does; ``began`` at the earliest.

    A reader that ends or loses its stream says so. One that dies does not, but the lease under which it
    read, None once it was given back, runs out.
    """
    if connected_at is None:
        return began
    if lost_at is not None:
        return max(lost_at, began)
    if leased_until is None:
        return max(connected_at, began)
    return max(leased_until, began) if leased_until <= now else None
