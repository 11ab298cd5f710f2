"""Statements over many rows at once, for the few that run for every report and every dial.

One statement takes all of them. On PostgreSQL they travel as one JSON document that the server takes apart
again (``json_to_recordset``): a third of the processor time on our side, and one round of the protocol in
place of one for each row. On SQLite they are the rows of ``VALUES``, some dozens a statement: while it runs
a statement of SQLite lets the process's other threads go on, and to get the interpreter back from them for
each row takes longer than to write it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.store.direct import execute

_SQLITE = sqlite.dialect()
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]

Row = Mapping[str, Any]


def _plain(value: Any) -> str:
    """What JSON has no word for: only instants."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} can't be written by a statement over many rows")
    if value.tzinfo is None:
        raise ValueError("a time without a zone can't be stored")
    return value.isoformat()


def _document(rows: Sequence[Row]) -> str:
    return json.dumps(rows, default=_plain)


def _recordset(table: Table, columns: Sequence[str], more: Mapping[str, str] | None = None) -> str:
    """The rows as a table ``v``: ``columns``, and those of ``more`` typed as the columns they name."""
    named = {name: name for name in columns} | dict(more or {})
    types = (f"{name} {table.c[of].type.compile(dialect=_POSTGRES)}" for name, of in named.items())
    return f"json_to_recordset(%s::json) AS v({', '.join(types)})"


_CHUNKS = (64, 8, 1)
"""So many rows a statement of SQLite has: few forms, so that it need not be understood anew each time."""


class _SqliteRows:
    """Runs a statement whose ``{rows}`` are the parameters of ``columns``, for as many rows as there are."""

    def __init__(self, statement: str, table: Table, columns: Mapping[str, str]) -> None:
        """``columns`` says by which column of ``table`` each value is typed."""
        self._statement = statement
        self._names = tuple(columns)
        self._types = [table.c[of].type for of in columns.values()]

    @cached_property
    def _writers(self) -> list[tuple[str, Callable[[Any], Any] | None]]:
        made = [kind.dialect_impl(_SQLITE).bind_processor(_SQLITE) for kind in self._types]
        return list(zip(self._names, made, strict=True))

    @cached_property
    def _statements(self) -> dict[int, str]:
        row = f"({', '.join('?' * len(self._names))})"
        return {number: self._statement.format(rows=", ".join([row] * number)) for number in _CHUNKS}

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        writers = self._writers
        for chunk in _chunks(rows):
            values = tuple(
                row[name] if write is None else write(row[name]) for row in chunk for name, write in writers
            )
            execute(tx, self._statements[len(chunk)], values)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


class BulkInsert:
    """Inserts rows that all have the same ``columns``; the others get the database's default.

    ``conflict`` is the ``ON CONFLICT`` clause that says what becomes of rows that are there already. The rows
    are inserted in their order.
    """

    def __init__(self, table: Table, *columns: str, conflict: str = "") -> None:
        head = f"INSERT INTO {table.name} ({', '.join(columns)})"
        self._sqlite = _SqliteRows(
            f"{head} VALUES {{rows}} {conflict}", table, {name: name for name in columns}
        )
        rows = _recordset(table, columns)
        self._postgres = f"{head} SELECT {', '.join(columns)} FROM {rows} {conflict}"  # noqa: S608

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """Insert ``rows``, of which there may be none."""
        if not rows:
            return
        if tx.dialect.name == "postgresql":
            execute(tx, self._postgres, (_document(rows),))
        else:
            self._sqlite.run(tx, rows)


class BulkUpdate:
    """Sets ``columns`` of the rows named by their ``id``.

    Each given row is a mapping with the ``id`` and the new value of every column. Where ``was`` names a
    column, only rows are changed in which that column still has the value given as ``was``. ``only`` is a
    further condition, as SQL.
    """

    def __init__(self, table: Table, *columns: str, was: str = "", only: str = "TRUE") -> None:
        settings = ", ".join(f"{name} = v.{name}" for name in columns)
        of = table.name
        same = f"{of}.{was} = v.was AND {only}" if was else only
        change = f"UPDATE {of} SET {settings}"  # noqa: S608
        where = f"WHERE {of}.id = v.id AND {same}"
        named = {name: name for name in ("id", *columns)} | ({"was": was} if was else {})
        self._postgres = f"{change} FROM {_recordset(table, (), named)} {where}"
        self._sqlite = _SqliteRows(
            f"WITH v({', '.join(named)}) AS (VALUES {{rows}}) {change} FROM v {where}", table, named
        )

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """Update ``rows``, of which there may be none."""
        if not rows:
            return
        if tx.dialect.name == "postgresql":
            execute(tx, self._postgres, (_document(rows),))
        else:
            self._sqlite.run(tx, rows)
