"""What the auditor's last look found, one row for each invariant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from dispatcher.store.tables import AuditState, table
from dispatcher.store.upsert import insert_into

_audits = table(AuditState)

EXAMPLES = 5
"""So many of what was found are kept by name."""


def save(tx: Connection, now: datetime, found: Mapping[str, Sequence[str]], *, clean: bool) -> None:
    """Keep what a look has found of every invariant; ``clean`` when all of them hold."""
    for name, subjects in sorted(found.items()):
        values = {"found": len(subjects), "examples": list(subjects[:EXAMPLES]), "looked_at": now}
        row = insert_into(tx, _audits).values(invariant=name, **values)
        tx.execute(row.on_conflict_do_update(index_elements=["invariant"], set_=values))
    tx.execute(delete(_audits).where(_audits.c.invariant.not_in(found)))
    if clean:
        tx.execute(update(_audits).values(clean_at=now))


def last(tx: Connection) -> Sequence[Any]:
    """The rows of the last look."""
    return tx.execute(select(_audits).order_by(_audits.c.invariant)).all()


def counts(tx: Connection) -> dict[str, int]:
    """How much was found of each invariant that has been looked at."""
    rows = tx.execute(select(_audits.c.invariant, _audits.c.found)).all()
    return {row.invariant: row.found for row in rows}


def clean_at(tx: Connection) -> datetime | None:
    """When all of them held last, or None when that was never seen."""
    return tx.execute(select(func.max(_audits.c.clean_at))).scalar()
