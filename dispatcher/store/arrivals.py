"""Reports that are durable and not yet entered: one row for each batch that came in together."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, delete, insert, select

from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Arrival, table

_arrivals = table(Arrival)

_KEEP = Prepared(
    insert(_arrivals).values(at=bindparam("at"), batch=bindparam("batch")).returning(_arrivals.c.id)
)
_REMOVE = Prepared(delete(_arrivals).where(AnyOf(_arrivals.c.id, "ids", Integer())).returning(_arrivals.c.id))
_LEFT = (
    select(_arrivals.c.id, _arrivals.c.batch)
    .where(_arrivals.c.at < bindparam("before"))
    .order_by(_arrivals.c.id)
    .limit(bindparam("most", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Body:
    """One report as it came: from which PBX, when, and its text."""

    pbx: str
    received_at: datetime
    text: str


def keep(tx: Connection, now: datetime, bodies: Sequence[Body]) -> int:
    """Make reports durable, and return the id of the row that holds them."""
    batch = json.dumps([(body.pbx, body.received_at.isoformat(), body.text) for body in bodies])
    [row] = _KEEP.all(tx, at=now, batch=batch)
    return int(row.id)


def remove(tx: Connection, ids: Collection[int]) -> set[int]:
    """Take rows over; returns those that were still there. Nobody else gets them, unless we roll back."""
    return {row.id for row in _REMOVE.all(tx, ids=ids)}


def left(tx: Connection, before: datetime, most: int = 50) -> list[tuple[int, list[Body]]]:
    """The oldest rows from before a time, at most ``most``, with their reports."""
    rows = tx.execute(_LEFT, {"before": before, "most": most}).all()
    return [(row.id, _bodies(row.batch)) for row in rows]


def _bodies(batch: str) -> list[Body]:
    return [Body(pbx, datetime.fromisoformat(at), text) for pbx, at, text in json.loads(batch)]
