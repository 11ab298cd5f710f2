"""Following the event rows as they are committed, in order, without missing one.

Ids are given out when a row is written, and rows show when their transaction commits: on PostgreSQL a
row may show after others with a higher id. Where ids are missing, the rows behind them are held back a
moment; ids that are still missing then (mostly of transactions that were rolled back) are passed over,
and watched for a while longer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, or_, select

from dispatcher.store.tables import Event, table

_events = table(Event)

PATIENCE = 2.0
"""Seconds for which rows are held back behind missing ids."""

WATCHED = 60.0
"""Seconds for which missing ids are watched after that."""

BATCH = 2_000
_LOOKED_BACK = 1_000
_MOST_GAPS = 200


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing ids from ``first`` to ``last``, noticed at ``since`` (monotonic seconds)."""

    first: int
    last: int
    since: float


@dataclass(slots=True)
class Tail:
    """Where one follower stands. Everything up to ``position`` has been handed on or is watched for."""

    position: int = 0
    watched_for: float = WATCHED
    """Seconds for which it watches missing ids."""
    _watched: list[Gap] = field(default_factory=list)
    _noticed: dict[int, float] = field(default_factory=dict)

    @classmethod
    def resumed(cls, position: int, state: Mapping[str, Any], watched_for: float = WATCHED) -> "Tail":
        """One that goes on where another has left off, by that one's :meth:`state`."""
        return cls(
            position,
            watched_for,
            [Gap(*gap) for gap in state.get("watched", ())],
            {int(first): since for first, since in state.get("noticed", {}).items()},
        )

    def state(self) -> dict[str, Any]:
        """What it knows of missing ids, for :meth:`resumed`. Its clock must be one that restarts outlive."""
        return {
            "watched": [[gap.first, gap.last, gap.since] for gap in self._watched],
            "noticed": {str(first): since for first, since in self._noticed.items()},
        }

    def begin(self, tx: Connection, clock: float) -> None:
        """Stand behind the newest row; rows of transactions that are under way will be late."""
        newest = tx.execute(select(func.max(_events.c.id))).scalar() or 0
        since = max(0, newest - _LOOKED_BACK)
        ids = [*tx.execute(select(_events.c.id).where(_events.c.id > since).order_by(_events.c.id)).scalars()]
        self.position, self._noticed = newest, {}
        self._watched = [gap for gap, _ in _gaps(ids[0] if ids else 0, ids, clock)][-_MOST_GAPS:]

    def read(self, tx: Connection, clock: float) -> list[Any]:
        """The rows to hand on now, in order of their ids."""
        missing = [_events.c.id.between(gap.first, gap.last) for gap in self._watched]
        query = select(_events).where(or_(_events.c.id > self.position, *missing))
        rows = tx.execute(query.order_by(_events.c.id).limit(BATCH)).all()
        late = [row for row in rows if row.id <= self.position]
        for row in late:
            self._watched = [part for gap in self._watched for part in _without(gap, row.id)]
        # Given up after a look, so that one that resumes after a long time has looked at all of them.
        self._watched = [gap for gap in self._watched if clock - gap.since < self.watched_for]
        return late + self._in_order([row for row in rows if row.id > self.position], clock)

    def _in_order(self, rows: Sequence[Any], clock: float) -> list[Any]:
        found = dict(_gaps_before(self.position + 1, rows, clock))
        self._noticed = {gap.first: self._noticed.get(gap.first, clock) for gap in found.values()}
        ready: list[Any] = []
        for row in rows:
            gap = found.get(row.id)
            if gap is not None:
                if clock - self._noticed[gap.first] < PATIENCE:
                    break
                self._watched = [*self._watched, Gap(gap.first, gap.last, clock)][-_MOST_GAPS:]
            ready.append(row)
            self.position = row.id
        return ready


def _gaps(first: int, ids: Sequence[int], clock: float) -> list[tuple[Gap, int]]:
    """The missing ids from ``first`` to the last of the sorted ``ids``, each with the id behind it."""
    found = []
    for key in ids:
        if key > first:
            found.append((Gap(first, key - 1, clock), key))
        first = key + 1
    return found


def _gaps_before(first: int, rows: Sequence[Any], clock: float) -> list[tuple[int, Gap]]:
    return [(key, gap) for gap, key in _gaps(first, [row.id for row in rows], clock)]


def _without(gap: Gap, key: int) -> list[Gap]:
    """What is left of a gap without one id."""
    if not gap.first <= key <= gap.last:
        return [gap]
    parts = [Gap(gap.first, key - 1, gap.since), Gap(key + 1, gap.last, gap.since)]
    return [part for part in parts if part.first <= part.last]


def between(tx: Connection, after: int, until: int, limit: int) -> Sequence[Any]:
    """Rows with ids above ``after`` and up to ``until``, in order, for followers that come back."""
    query = select(_events).where(_events.c.id > after, _events.c.id <= until)
    return tx.execute(query.order_by(_events.c.id).limit(limit)).all()
