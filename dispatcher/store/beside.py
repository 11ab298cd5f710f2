"""Arrivals in a file of their own beside SQLite's, which has one writer at a time.

A report becomes durable while others are being entered, and its PBX, which sends a call's next report when
it has the answer to this one, does not wait for them.
"""

import json
import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.schema import CreateTable

from dispatcher.store.arrivals import (
    MOST_LEFT,
    Arrivals,
    Body,
    InStore,
    batches_before,
    insert_batch,
    remove_batches,
)
from dispatcher.store.direct import execute
from dispatcher.store.engine import Store
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Arrival, EnteredArrival, table
from dispatcher.store.types import as_text

SUFFIX = "-arrivals"
"""Follows the name of the database's file in that of its arrivals."""

KEPT_FOR = timedelta(minutes=1)
"""That a batch has been entered is known for at least so long, and as long as the batch is in the file."""

_arrivals = table(Arrival)
_entered = table(EnteredArrival)
_MAKE = CreateTable(_arrivals, if_not_exists=True)
_ENTER = (
    "INSERT INTO entered_arrivals (id, at) SELECT value, ? FROM json_each(?) WHERE TRUE"
    " ON CONFLICT DO NOTHING RETURNING id"
)
_OLD = select(_entered.c.id).where(_entered.c.at < bindparam("before"))
_MARKED = Prepared(select(_entered.c.id).where(AnyOf(_entered.c.id, "ids")))
_FORGET = delete(_entered).where(_entered.c.id.in_(bindparam("ids", expanding=True)))


def arrivals_of(store: Store) -> Arrivals:
    """Where a store's arrivals are: in itself, or beside it where it is a file of SQLite."""
    return Beside(store) if store.is_sqlite and store.url.database else InStore(store)


class Beside:
    """The file of arrivals. Its transactions and the store's are two, so entering leaves a mark in the store.

    The mark is written by the transaction that enters a batch, after which the batch is removed from the
    file; whoever finds it there before that, after a crash perhaps, finds the mark as well.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._entered: set[str] = set()
        """Batches that have been entered and are still in the file."""

    @cached_property
    def store(self) -> Store:
        """The file, which is opened when it is first needed."""
        file = Store(f"sqlite:///{self._store.url.database}{SUFFIX}")
        self._store.closes_with(file)
        with file.write() as tx:
            tx.execute(_MAKE)
        return file

    def keep(self, now: datetime, bodies: Sequence[Body]) -> str:
        """See :class:`~dispatcher.store.arrivals.Arrivals`. What has been entered goes in the same commit."""
        entered = self._to_remove()
        try:
            with self.store.write() as tx:
                if entered:
                    remove_batches(tx, entered)
                return insert_batch(tx, now, bodies)
        except BaseException:
            self.let_go(entered)
            raise

    def take_over(self, tx: Connection, now: datetime, keys: Collection[str]) -> set[str]:
        """See :class:`~dispatcher.store.arrivals.Arrivals`."""
        return {key for (key,) in execute(tx, _ENTER, (as_text(now), json.dumps(list(keys)))).fetchall()}

    def let_go(self, keys: Collection[str]) -> None:
        """See :class:`~dispatcher.store.arrivals.Arrivals`."""
        with self._guard:
            self._entered.update(keys)

    def left(self, before: datetime, most: int = MOST_LEFT) -> list[tuple[str, list[Body]]]:
        """See :class:`~dispatcher.store.arrivals.Arrivals`. What only waits to be removed is none."""
        with self.store.read() as tx:
            found = batches_before(tx, before, most)
        entered = self._marked([key for key, _ in found])
        return [(key, bodies) for key, bodies in found if key not in entered]

    def tidy(self, now: datetime) -> None:
        """Remove entered batches from the file, then the marks of those that are in it no more."""
        with self.store.read() as tx:
            in_file = set(tx.execute(select(_arrivals.c.id)).scalars())
        if entered := self._to_remove() | self._marked(in_file):
            try:
                with self.store.write() as tx:
                    remove_batches(tx, entered)
            except BaseException:
                self.let_go(entered)
                raise
        with self._store.read() as tx:
            old = set(tx.execute(_OLD, {"before": now - KEPT_FOR}).scalars()) - in_file
        if old:
            self._store.transact(lambda tx: tx.execute(_FORGET, {"ids": list(old)}))

    def _marked(self, keys: Collection[str]) -> set[str]:
        """Those of the batches that have been entered."""
        if not keys:
            return set()
        with self._store.read() as tx:
            return {row.id for row in _MARKED.all(tx, ids=keys)}

    def _to_remove(self) -> set[str]:
        with self._guard:
            entered, self._entered = self._entered, set()
        return entered
