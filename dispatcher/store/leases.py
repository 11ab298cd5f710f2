"""Named leases: one process at a time may do something, and another takes over when it dies.

A lease keeps work from being done twice over; it is no lock. A holder that stands still for longer than
its lease loses it without noticing, and machines whose clocks differ by more than a lease's length may
both believe in it, so what is leased must be safe when two do it for a moment. A lease that lasts much longer
than any that is given now was taken before the clock was set back, or by a machine whose clock is ahead. It
is free when nobody prolongs it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, or_, select

from dispatcher.store.tables import Lease, table
from dispatcher.store.upsert import insert_into

_leases = table(Lease)

SET_BACK = timedelta(seconds=60)


def take(
    tx: Connection, name: str, owner: str, now: datetime, until: datetime, *, dead: datetime | None = None
) -> bool:
    """Take a lease that is free or has lapsed, or prolong one's own; False while another holds it.

    ``dead`` is the end, out of :func:`ahead`, of a lease that nobody has prolonged for as long as one lasts.
    """
    statement = insert_into(tx, _leases).values(name=name, owner=owner, until=until)
    taken = tx.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"owner": owner, "until": until},
            where=or_(
                _leases.c.owner == owner,
                _leases.c.until <= now,
                and_(_leases.c.until == dead, _leases.c.until > until + SET_BACK),
            ),
        ).returning(_leases.c.owner)
    )
    return taken.first() is not None


def ahead(tx: Connection, names: Collection[str], until: datetime) -> dict[str, datetime]:
    """The ends of those of these leases that last much longer than one that is given now, ``until``."""
    query = select(_leases.c.name, _leases.c.until).where(
        _leases.c.name.in_(names), _leases.c.until > until + SET_BACK
    )
    return {row.name: row.until for row in tx.execute(query)}


def release(tx: Connection, name: str, owner: str) -> None:
    """Give a lease back, so that another can take it at once; nothing happens when it is not one's own."""
    tx.execute(delete(_leases).where(_leases.c.name == name, _leases.c.owner == owner))


def holder(tx: Connection, name: str, now: datetime) -> str | None:
    """Who holds the lease, or None when nobody does."""
    query = select(_leases.c.owner).where(_leases.c.name == name, _leases.c.until > now)
    return tx.execute(query).scalar_one_or_none()
