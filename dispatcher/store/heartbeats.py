"""Heartbeats as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.domain.vocabulary import HeartbeatStatus
from dispatcher.store.tables import Heartbeat, table

_heartbeats = table(Heartbeat)


def add(tx: Connection, row: Mapping[str, Any]) -> bool:
    """Write a new heartbeat; False when there is one of this name."""
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    added = dialect.insert(_heartbeats).values(**row).on_conflict_do_nothing().returning(_heartbeats.c.name)
    return tx.execute(added).first() is not None


def find(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    """A heartbeat's row, or None; ``lock`` keeps it as it is until the transaction ends."""
    query = select(_heartbeats).where(_heartbeats.c.name == name)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def change(tx: Connection, name: str, columns: Mapping[str, Any]) -> None:
    """Set columns of a heartbeat."""
    tx.execute(update(_heartbeats).where(_heartbeats.c.name == name).values(**columns))


def remove(tx: Connection, name: str) -> bool:
    """Delete a heartbeat; False when there was none."""
    return bool(tx.execute(delete(_heartbeats).where(_heartbeats.c.name == name)).rowcount)


def page(tx: Connection, limit: int, after: str | None) -> Sequence[Row[Any]]:
    """Heartbeats in the order of their names."""
    query = select(_heartbeats).order_by(_heartbeats.c.name).limit(limit)
    return tx.execute(query.where(_heartbeats.c.name > after) if after is not None else query).all()


def alarms_of_all(tx: Connection) -> list[tuple[str, dict[str, Any]]]:
    """Each heartbeat's name and the alarm that its silence raises, in the order of the names."""
    query = select(_heartbeats.c.name, _heartbeats.c.alarm).order_by(_heartbeats.c.name)
    return [(row.name, row.alarm) for row in tx.execute(query)]


def silent(tx: Connection, heard_until: datetime) -> list[str]:
    """Heartbeats that were due by ``heard_until``, and those whose alarm could not be raised yet."""
    is_due = and_(_heartbeats.c.status == HeartbeatStatus.UP, _heartbeats.c.due_at <= heard_until)
    is_untold = and_(_heartbeats.c.status == HeartbeatStatus.DOWN, _heartbeats.c.alarm_id.is_(None))
    query = select(_heartbeats.c.name).where(or_(is_due, is_untold)).order_by(_heartbeats.c.due_at)
    return list(tx.execute(query).scalars())


def watched(tx: Connection) -> Sequence[Row[Any]]:
    """Heartbeats whose silence is going to be an alarm, locked in the order of their names."""
    query = select(_heartbeats).where(_heartbeats.c.status == HeartbeatStatus.UP)
    return tx.execute(query.order_by(_heartbeats.c.name).with_for_update()).all()


def has_any(tx: Connection) -> bool:
    """Whether there is any heartbeat at all."""
    return tx.execute(select(_heartbeats.c.name).limit(1)).first() is not None


def statuses(tx: Connection) -> dict[str, HeartbeatStatus]:
    """The status of each by its name."""
    rows = tx.execute(select(_heartbeats.c.name, _heartbeats.c.status))
    return {row.name: HeartbeatStatus(row.status) for row in rows}
