"""Connections and transactions, the same on SQLite and PostgreSQL."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from dispatcher.store.group import GroupCommit
from dispatcher.store.prepared import compile_all

_log = logging.getLogger(__name__)
T = TypeVar("T")

SQLITE_BUSY_SECONDS = 15.0
TRIES = 5


@dataclass(frozen=True, slots=True)
class _Done:
    """What a work returned or raised."""

    result: Any = None
    error: Exception | None = None


class Store:
    """The database of one process.

    ``write()`` is a transaction that commits when its block ends and rolls back when it raises: what
    follows the block may rely on the commit. ``read()`` is a consistent snapshot. On SQLite there is
    one writer at a time; writers of this process queue at a lock, and ``BEGIN IMMEDIATE`` makes those
    of other processes wait, since a transaction that reads first and writes later fails at once.
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url, pool_size)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = threading.Lock()
        self._together: GroupCommit[Callable[[Connection], Any], _Done] = GroupCommit(self._commit_together)
        self._beside: list[Store] = []

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write."""
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._writer, self.engine.connect() as connection:
            connection.execution_options(begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction, again when another transaction got in its way.

        All of its effects must be in the transaction, since it may run several times. On SQLite, what
        many threads submit at once is committed together: a commit waits for the disk, and there is
        only one writer.
        """
        if self.is_sqlite:
            done = self._together.submit(work)
            if done.error is not None:
                raise done.error
            return cast(T, done.result)
        for _ in range(TRIES - 1):
            try:
                with self.write() as tx:
                    return work(tx)
            except DBAPIError as error:
                if not is_conflict(error):
                    raise
        with self.write() as tx:
            return work(tx)

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """For one statement, which is a transaction by itself without a `BEGIN` and a `COMMIT` around it."""
        if self.is_sqlite:
            with self.write() as tx:
                yield tx
            return
        with self._alone.connect() as connection:
            yield connection

    def _commit_together(self, works: Sequence[Callable[[Connection], Any]]) -> list[_Done]:
        """Run several works in one transaction; when that fails, each in one of its own."""
        if len(works) > 1:
            try:
                with self.write() as tx:
                    return [_Done(work(tx)) for work in works]
            except Exception as error:
                _log.debug("%d works are done one by one after %s", len(works), type(error).__name__)
        return [self._commit_alone(work) for work in works]

    def _commit_alone(self, work: Callable[[Connection], Any]) -> _Done:
        try:
            with self.write() as tx:
                result = work(tx)
        except Exception as error:
            return _Done(error=error)
        return _Done(result)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def warm_up(self) -> None:
        """Connect, and compile what is compiled once: a process's first alarm is not to wait for that."""
        with self.read() as tx:
            compile_all(tx.dialect)

    def closes_with(self, other: "Store") -> None:
        """Close another store with this one."""
        self._beside.append(other)

    def close(self) -> None:
        """Close the connections: those that are in use now, or are taken later, when they are given back."""
        for other in self._beside:
            other.close()
        event.listen(self.engine, "checkin", _close)
        self.engine.dispose()


def _close(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def is_conflict(error: BaseException) -> bool:
    """Whether two transactions got in each other's way and this one may simply be run again."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state in ("40001", "40P01")


def is_outage(error: BaseException) -> bool:
    """Whether ``error`` says that the database is away or out of means, so that waiting may help.

    Everything else is a fault that waiting does not mend: a statement or a schema that is wrong, a right
    that is missing, a damaged file. It is raised, logged and shown, and nothing waits for its end.
    """
    if is_conflict(error):
        return False
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _is_sqlite_outage(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # What the server has not answered has no state: there was no connection, or none any more.
        return isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(_AWAY_STATES)


_AWAY_STATES = ("08", "53", "57P0", "58030")
"""PostgreSQL's classes for a lost connection, for too few means (connections, memory, disk) and for a server
that stops or starts, and its code for a disk that can't be read (its manual, "PostgreSQL Error Codes")."""

_AWAY_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""SQLite's result codes for the same: locked by another process, disk I/O, a full disk, no file to open."""


def _is_sqlite_outage(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    # Extended codes have the plain one in their lowest byte (SQLite's manual, "Result and Error Codes").
    return code is not None and code & 0xFF in _AWAY_CODES


def _postgres_engine(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_use_lifo=True,
        connect_args={"connect_timeout": 5, "application_name": "dispatcher"},
        hide_parameters=True,
    )


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: _on_begin does, in the wanted mode.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA wal_autocheckpoint=10000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("begin", "BEGIN")
        connection.exec_driver_sql(mode)

    return engine
