"""Counters kept in SQL, so that they are exact over any number of processes, crashes and restarts."""

import os
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, func, select

from dispatcher.store.bulk import BulkInsert
from dispatcher.store.tables import Tally, table

_tallies = table(Tally)
SHARDS = 8
_shard = os.getpid() % SHARDS


_ADD = BulkInsert(
    _tallies,
    "name",
    "labels",
    "shard",
    "value",
    conflict="ON CONFLICT (name, labels, shard) DO UPDATE SET value = tallies.value + excluded.value",
)

TallyKey = tuple[str, str]
"""A series: the metric's name and its label values as JSON."""


def add(tx: Connection, increments: Mapping[TallyKey, float]) -> None:
    """Add to the counters. Rows are taken in one order, so that two writers never deadlock."""
    rows = [
        {"name": name, "labels": labels, "shard": _shard, "value": by}
        for (name, labels), by in sorted(increments.items())
    ]
    _ADD.run(tx, rows)


def totals(tx: Connection) -> Iterable[tuple[str, str, float]]:
    """Every series with its sum over all processes."""
    query = select(_tallies.c.name, _tallies.c.labels, func.sum(_tallies.c.value))
    return [tuple(row) for row in tx.execute(query.group_by(_tallies.c.name, _tallies.c.labels))]
