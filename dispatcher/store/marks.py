"""Marks: how far something has come, kept so that it goes on from there."""

from typing import Any

from sqlalchemy import Connection, select, update

from dispatcher.store.tables import Mark, table
from dispatcher.store.upsert import insert_into

_marks = table(Mark)


def find(tx: Connection, name: str) -> Any | None:
    """A mark's row, or None before it is first set."""
    return tx.execute(select(_marks).where(_marks.c.name == name)).one_or_none()


def locked(tx: Connection, name: str) -> Any:
    """A mark's row, made if need be, which nobody else changes until the transaction ends."""
    tx.execute(insert_into(tx, _marks).values(name=name, position=0).on_conflict_do_nothing())
    return tx.execute(select(_marks).where(_marks.c.name == name).with_for_update()).one()


def put(tx: Connection, name: str, **columns: Any) -> None:
    """Set columns of a mark that is :func:`locked`."""
    tx.execute(update(_marks).where(_marks.c.name == name).values(**columns))
