"""Statements over many rows at once, for the few that run for every report and every dial.

On SQLite they are what SQLAlchemy makes of them. On PostgreSQL all rows travel as one JSON document
that the server takes apart again (``json_to_recordset``): a third of the processor time on our side,
and one round of the protocol in place of one for each row.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam, insert, text, update
from sqlalchemy.dialects import postgresql

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


class BulkInsert:
    """Inserts rows that all have the same ``columns``; the others get the database's default.

    ``conflict`` says what becomes of rows that are there already: SQLAlchemy's statement for SQLite, and
    the ``ON CONFLICT`` clause for PostgreSQL. The rows are inserted in their order.
    """

    def __init__(self, table: Table, *columns: str, conflict: tuple[Insert, str] | None = None) -> None:
        names = ", ".join(columns)
        self._sqlite, clause = conflict or (insert(table), "")
        rows = _recordset(table, columns)
        self._postgres = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {rows} {clause}"  # noqa: S608

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """Insert ``rows``, of which there may be none."""
        if not rows:
            return
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql(self._postgres, (_document(rows),))
        else:
            tx.execute(self._sqlite, list(rows))


class BulkUpdate:
    """Sets ``columns`` of the rows named by their ``id``.

    Each given row is a mapping with the ``id`` and the new value of every column. Where ``was`` names a
    column, only rows are changed in which that column still has the value given as ``was``. ``only`` is a
    further condition, as SQL.
    """

    def __init__(self, table: Table, *columns: str, was: str = "", only: str = "TRUE") -> None:
        settings = ", ".join(f"{name} = v.{name}" for name in columns)
        of = table.name
        rows = _recordset(table, ("id", *columns), {"was": was} if was else {})
        same = f"{of}.{was} = v.was AND {only}" if was else only
        self._postgres = f"UPDATE {of} SET {settings} FROM {rows} WHERE {of}.id = v.id AND {same}"  # noqa: S608
        self._columns, self._was = columns, was
        self._sqlite = (
            update(table)
            .where(table.c.id == bindparam("of_id"), text(only))
            .values({name: bindparam(f"new_{name}") for name in columns})
        )
        if was:
            self._sqlite = self._sqlite.where(table.c[was] == bindparam("of_was"))

    def run(self, tx: Connection, rows: Sequence[Row]) -> None:
        """Update ``rows``, of which there may be none."""
        if not rows:
            return
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql(self._postgres, (_document(rows),))
        else:
            tx.execute(self._sqlite, [self._named(row) for row in rows])

    def _named(self, row: Row) -> dict[str, Any]:
        named = {f"new_{name}": row[name] for name in self._columns}
        return named | {"of_id": row["id"]} | ({"of_was": row["was"]} if self._was else {})
