"""Schedules and their overrides as rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from dispatcher.store.new_rows import add_if_new
from dispatcher.store.tables import Schedule, ScheduleOverride, table

_schedules = table(Schedule)
_overrides = table(ScheduleOverride)


def find(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """A schedule's row, or None; ``lock`` keeps it as it is until the transaction ends."""
    query = select(_schedules).where(_schedules.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def named(tx: Connection, names: Iterable[str]) -> dict[str, Row[Any]]:
    """Those of the schedules that exist, by name."""
    wanted = sorted(set(names))
    rows = tx.execute(select(_schedules).where(_schedules.c.name.in_(wanted))) if wanted else ()
    return {row.name: row for row in rows}


def every(tx: Connection) -> Sequence[Row[Any]]:
    """All schedules, by name."""
    return tx.execute(select(_schedules).order_by(_schedules.c.name)).all()


def page(tx: Connection, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """At most ``limit`` schedules in the order of their names, those after ``after``."""
    query = select(_schedules).order_by(_schedules.c.name).limit(limit)
    return tx.execute(query if after is None else query.where(_schedules.c.name > after)).all()


def some_names(tx: Connection, limit: int) -> list[str]:
    """The first names of the schedules that exist, for messages to people."""
    return list(tx.execute(select(_schedules.c.name).order_by(_schedules.c.name).limit(limit)).scalars())


def add(tx: Connection, row: Mapping[str, Any]) -> bool:
    """Write a new schedule; False when the name is taken."""
    return add_if_new(tx, _schedules, row)


def change(tx: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Change a schedule's columns."""
    tx.execute(update(_schedules).where(_schedules.c.name == name).values(values))


def remove(tx: Connection, name: str) -> None:
    """Delete a schedule with its overrides."""
    tx.execute(delete(_schedules).where(_schedules.c.name == name))


def feed_due(tx: Connection, now: datetime) -> tuple[str, str] | None:
    """Name and address of the schedule whose calendar feed has been due for longest, or None."""
    query = select(_schedules.c.name, _schedules.c.calendar_url).where(
        _schedules.c.calendar_url.is_not(None), _schedules.c.calendar_due_at <= now
    )
    row = tx.execute(query.order_by(_schedules.c.calendar_due_at).limit(1)).one_or_none()
    return None if row is None else (row.name, row.calendar_url)


def note_fetch(tx: Connection, name: str, url: str, values: Mapping[str, Any]) -> None:
    """Keep what a fetch has brought, unless the schedule has another feed by now."""
    tx.execute(
        update(_schedules).where(_schedules.c.name == name, _schedules.c.calendar_url == url).values(values)
    )


def overrides(tx: Connection, schedules: Iterable[str], ending_after: datetime) -> dict[str, list[Row[Any]]]:
    """The overrides of each of the schedules that end after an instant, in the order of their making."""
    wanted = sorted(set(schedules))
    found: dict[str, list[Row[Any]]] = {name: [] for name in wanted}
    if wanted:
        query = (
            select(_overrides)
            .where(_overrides.c.schedule.in_(wanted), _overrides.c.ends_at > ending_after)
            .order_by(_overrides.c.id)
        )
        for row in tx.execute(query):
            found[row.schedule].append(row)
    return found


def overrides_page(tx: Connection, schedule: str, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """At most ``limit`` overrides of a schedule, the newest first."""
    query = select(_overrides).where(_overrides.c.schedule == schedule)
    if after is not None:
        query = query.where(_overrides.c.id < after)
    return tx.execute(query.order_by(_overrides.c.id.desc()).limit(limit)).all()


def add_override(tx: Connection, row: Mapping[str, Any]) -> None:
    """Write a new override."""
    tx.execute(insert(_overrides).values(row))


def find_override(tx: Connection, schedule: str, override_id: str) -> Row[Any] | None:
    """An override's row, or None."""
    query = select(_overrides).where(_overrides.c.id == override_id, _overrides.c.schedule == schedule)
    return tx.execute(query).one_or_none()


def remove_override(tx: Connection, schedule: str, override_id: str) -> bool:
    """Delete an override; False when the schedule has no such one."""
    conditions = (_overrides.c.schedule == schedule, _overrides.c.id == override_id)
    return bool(tx.execute(delete(_overrides).where(*conditions)).rowcount)


def overridden_by(tx: Connection, contact: str) -> Sequence[Row[Any]]:
    """The overrides that name a contact, as the one who takes over or the one who is relieved."""
    named = (_overrides.c.contact == contact) | (_overrides.c.instead_of == contact)
    return tx.execute(select(_overrides).where(named).order_by(_overrides.c.id)).all()


def forget_overrides(tx: Connection, contact: str) -> None:
    """Delete the overrides by which a contact took over."""
    tx.execute(delete(_overrides).where(_overrides.c.contact == contact))
