"""Numbers that may not be called, as rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, or_, select

from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import DoNotCall, table
from dispatcher.store.upsert import insert_into

_entries = table(DoNotCall)
_ANY = Prepared(select(_entries.c.number).limit(1))
_AT_ONCE = 500
"""Numbers of one statement."""


def in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that an entry's time is not over."""
    return or_(_entries.c.expires_at.is_(None), _entries.c.expires_at > now)


def blocked(tx: Connection, numbers: Iterable[str], now: datetime, *, alarms: bool) -> dict[str, str]:
    """Those of ``numbers``, in E.164, that may not be called, with the reason that was given.

    ``alarms`` asks for the calls of alarms, which only some entries forbid.
    """
    found: dict[str, str] = {}
    if not _ANY.all(tx):
        return found
    rest = iter(sorted(set(numbers)))
    conditions = [in_force(now), *([_entries.c.alarms_too] if alarms else [])]
    while some := list(islice(rest, _AT_ONCE)):
        query = select(_entries.c.number, _entries.c.why).where(_entries.c.number.in_(some), *conditions)
        found.update((row.number, row.why) for row in tx.execute(query))
    return found


def find(tx: Connection, number: str) -> Row[Any] | None:
    """A number's entry, or None."""
    return tx.execute(select(_entries).where(_entries.c.number == number)).one_or_none()


def page(
    tx: Connection, limit: int, after: str | None, now: datetime, *, alarms_too: bool | None = None
) -> Sequence[Row[Any]]:
    """At most ``limit`` entries in force in the order of their numbers, those after ``after``."""
    query = select(_entries).where(in_force(now)).order_by(_entries.c.number).limit(limit)
    if after is not None:
        query = query.where(_entries.c.number > after)
    if alarms_too is not None:
        query = query.where(_entries.c.alarms_too.is_(alarms_too))
    return tx.execute(query).all()


def put(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write entries; those that are there already are replaced."""
    for start in range(0, len(rows), _AT_ONCE):
        statement = insert_into(tx, _entries).values(rows[start : start + _AT_ONCE])
        changed = ("why", "source", "alarms_too", "added_by", "added_at", "expires_at")
        new = {name: statement.excluded[name] for name in changed}
        tx.execute(statement.on_conflict_do_update(index_elements=["number"], set_=new))


def remove(tx: Connection, number: str) -> bool:
    """Delete a number's entry; False when there is none."""
    return bool(tx.execute(delete(_entries).where(_entries.c.number == number)).rowcount)


def count(tx: Connection, now: datetime) -> int:
    """How many entries are in force."""
    return tx.execute(select(func.count()).select_from(_entries).where(in_force(now))).scalar_one()
