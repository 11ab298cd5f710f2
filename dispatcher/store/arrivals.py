"""Reports that are durable and not yet entered: one row for each batch that came in together."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Integer, bindparam, delete, insert, select

from dispatcher.store.engine import Store
from dispatcher.store.ids import new_id
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Arrival, table

MOST_LEFT = 50

_arrivals = table(Arrival)

_KEEP = Prepared(insert(_arrivals).values(id=bindparam("id"), at=bindparam("at"), batch=bindparam("batch")))
_REMOVE = Prepared(delete(_arrivals).where(AnyOf(_arrivals.c.id, "ids")).returning(_arrivals.c.id))
_LEFT = (
    select(_arrivals.c.id, _arrivals.c.batch)
    .where(_arrivals.c.at < bindparam("before"))
    .order_by(_arrivals.c.id)
    .limit(bindparam("most", type_=Integer))
)


class Body(NamedTuple):
    """One report as it came: from which PBX, when, and its text."""

    pbx: str
    received_at: datetime
    text: str


class Arrivals(Protocol):
    """Where reports wait from their answer until they are entered; each batch is entered once."""

    @property
    def store(self) -> Store:
        """The database whose commit makes them durable."""
        ...

    def keep(self, now: datetime, bodies: Sequence[Body]) -> str:
        """Make a batch durable, and return its key. Raises when the database is away."""
        ...

    def take_over(self, tx: Connection, now: datetime, keys: Collection[str]) -> set[str]:
        """Those of the batches that nobody has entered; nobody else will, unless ``tx`` is rolled back."""
        ...

    def let_go(self, keys: Collection[str]) -> None:
        """Forget batches that have been entered, after the commit of the transaction that took them over."""
        ...

    def left(self, before: datetime, most: int = MOST_LEFT) -> list[tuple[str, list[Body]]]:
        """The oldest batches from before a time, at most ``most``."""
        ...

    def tidy(self, now: datetime) -> None:
        """Clear away what entered batches have left; to be called now and then, by any process."""
        ...


class InStore:
    """Arrivals in the same database as all else: whoever removes a row enters its reports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def store(self) -> Store:
        """The database of all else."""
        return self._store

    def keep(self, now: datetime, bodies: Sequence[Body]) -> str:
        """See :class:`Arrivals`."""
        with self._store.single() as tx:
            return insert_batch(tx, now, bodies)

    def take_over(self, tx: Connection, now: datetime, keys: Collection[str]) -> set[str]:
        """See :class:`Arrivals`."""
        return remove_batches(tx, keys)

    def let_go(self, keys: Collection[str]) -> None:
        """Nothing is left of what was taken over."""

    def left(self, before: datetime, most: int = MOST_LEFT) -> list[tuple[str, list[Body]]]:
        """See :class:`Arrivals`."""
        with self._store.read() as tx:
            return batches_before(tx, before, most)

    def tidy(self, now: datetime) -> None:
        """Nothing is left of what was taken over."""


def insert_batch(tx: Connection, now: datetime, bodies: Sequence[Body]) -> str:
    """Write a batch as one row, and return its key."""
    key = new_id()
    batch = json.dumps([(body.pbx, body.received_at.isoformat(), body.text) for body in bodies])
    _KEEP.run(tx, id=key, at=now, batch=batch)
    return key


def remove_batches(tx: Connection, keys: Collection[str]) -> set[str]:
    """Remove rows; returns the keys of those that were there."""
    return {row.id for row in _REMOVE.all(tx, ids=keys)}


def batches_before(tx: Connection, before: datetime, most: int) -> list[tuple[str, list[Body]]]:
    """The oldest rows from before a time, at most ``most``, with their reports."""
    rows = tx.execute(_LEFT, {"before": before, "most": most}).all()
    return [(row.id, _bodies(row.batch)) for row in rows]


def _bodies(batch: str) -> list[Body]:
    return [Body(pbx, datetime.fromisoformat(at), text) for pbx, at, text in json.loads(batch)]
