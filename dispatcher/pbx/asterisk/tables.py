"""The tables ``cdr`` and ``cel`` of an SQL database into which Asterisk writes what became of its calls.

Any of its modules may have written them (cdr_pgsql, cdr_adaptive_odbc, cdr_sqlite3_custom, and those of CEL),
so only columns of Asterisk's own names are relied on (Asterisk documentation, 'CDR Storage Backends', 'CEL
Specification'), and each only where it is there. They are read, and never written.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, column, create_engine, inspect, make_url, select, table
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxRefused

CDR, CEL = "cdr", "cel"
ID = "uniqueid"
_CHUNK = 200

Row = dict[str, Any]
"""A row by the names of its columns."""


class Tables:
    """Reads the records of one Asterisk. Thread-safe; a connection lasts for one question."""

    def __init__(self, url: str, timeout: float) -> None:
        """``url`` is SQLAlchemy's, ``timeout`` in seconds is for connecting and for each question."""
        self._url = make_url(url)
        self._engine = _engine(url, timeout)

    def rows(self, callids: Sequence[str]) -> tuple[list[Row], list[Row]]:
        """All that is recorded of some calls, in ``cdr`` and in ``cel``. Raises :class:`PbxRefused`."""
        with self.connected() as connection:
            columns = columns_of(connection)
            wanted = {name: found for name, found in columns.items() if ID in found}
            if not wanted:
                raise PbxRefused(Reason.PBX_CONFIG, f"neither {CDR} nor {CEL} has a column {ID}")
            found: dict[str, list[Row]] = {CDR: [], CEL: []}
            for start in range(0, len(callids), _CHUNK):
                some = callids[start : start + _CHUNK]
                for name, of_table in wanted.items():
                    found[name] += _rows(connection, name, list(of_table), some)
        return found[CDR], found[CEL]

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection that only reads. What goes wrong with it is :class:`PbxRefused`."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise PbxRefused(Reason.PBX_AWAY, f"the records can't be read: {self._words(error)}") from None

    def newest(self, account: str) -> Row | None:
        """A row of ``cdr`` that is of one account's calls, where accounts are written; None if there is none.

        Raises :class:`PbxRefused`.
        """
        with self.connected() as connection:
            columns = columns_of(connection).get(CDR, {})
            asked = table(CDR, *(column(each) for each in columns))
            query = select(asked).limit(1)
            if "accountcode" in columns:
                query = query.where(asked.c["accountcode"] == account)
            # The newest: an older one may be from before the columns were as they are.
            times = [each for each in ("calldate", "start", "id") if each in columns]
            row = connection.execute(query.order_by(*(asked.c[each].desc() for each in times))).first()
        return dict(row._mapping) if row is not None else None

    def close(self) -> None:
        """Nothing is kept open; for the sake of order."""
        self._engine.dispose()

    def _words(self, error: SQLAlchemyError) -> str:
        """The database's own words, without the statement, and never with the password."""
        cause = getattr(error, "orig", None) or error
        said = str(cause).strip().splitlines()
        words = f"{type(cause).__name__}: {said[0] if said else 'no answer'}"
        password = self._url.password
        return words.replace(str(password), "***") if password else words


def columns_of(connection: Connection) -> dict[str, dict[str, int | None]]:
    """The columns of both tables, those that there are, each with its length where that is limited."""
    looked = inspect(connection)
    there = set(looked.get_table_names()) | set(looked.get_view_names())
    return {
        name: {
            str(found["name"]): getattr(found["type"], "length", None) for found in looked.get_columns(name)
        }
        for name in (CDR, CEL)
        if name in there
    }


def _rows(connection: Connection, name: str, columns: list[str], callids: Sequence[str]) -> list[Row]:
    asked = table(name, *(column(each) for each in columns))
    query = select(asked).where(asked.c[ID].in_(callids))
    order = next((each for each in ("eventtime", "sequence") if each in columns), None)
    if order is not None:
        query = query.order_by(asked.c[order])
    return [dict(row._mapping) for row in connection.execute(query)]


def _engine(url: str, timeout: float) -> Engine:
    """An engine that reads only, as far as the database can be told, and waits for no longer than it must."""
    parsed, seconds = make_url(url), max(1, round(timeout))
    if parsed.get_backend_name() == "sqlite":
        place = f"file:{quote(parsed.database or '')}?mode=ro"
        return create_engine(
            "sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(place, seconds, uri=True)
        )
    limits = f"-c default_transaction_read_only=on -c statement_timeout={seconds * 1000}"
    arguments: dict[str, dict[str, Any]] = {
        "postgresql": {"connect_timeout": seconds, "options": limits},
        "mysql": {"connect_timeout": seconds, "read_timeout": seconds},
        "mariadb": {"connect_timeout": seconds, "read_timeout": seconds},
    }
    known = arguments.get(parsed.get_backend_name(), {})
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=known)
