"""Databases of the newest schema for one test after another: emptied in between, which is quick."""

import itertools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.services.postgres import PostgresServer

RESTING = 4
"""So many databases rest before one is used again, so that what a test left running meets no other test's."""
LARGE = 1_000_000
"""A database with a table of so many bytes is not used again: its statistics would stay."""

OTHERS_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()
"""
SHAPE = """
SELECT md5(string_agg(format('%s %s %s %s', c.relname, a.attname, a.atttypid, a.attnotnull), ','
                      ORDER BY c.relname, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace
"""
LARGEST = """
SELECT max(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
SEQUENCES = """
SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
"""
KEPT = "alembic_version"
VERSION = "SELECT string_agg(version_num, ' ') FROM alembic_version"
_numbers = itertools.count(1)


class Databases:
    """Lends databases that are as good as new copies of a template."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._resting: deque[str] = deque()
        self._shape: str | None = None

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a database without rows, for as long as the block lasts."""
        name = self._resting.popleft() if len(self._resting) > RESTING else self._made()
        yield self._server.url(name)
        if not self._server.running:
            return
        if self._emptied(name):
            self._resting.append(name)
        else:
            self._server.drop_database(name)

    def _made(self) -> str:
        name = f"lent_{next(_numbers)}"
        self._server.create_database(name, self._template)
        if self._shape is None:
            with self._server.connect(name) as connection:
                self._shape = _shape(connection)
        return name

    def _emptied(self, name: str) -> bool:
        """Remove every row and session; False when the test has changed the schema, or filled it."""
        try:
            with self._server.connect(name) as connection:
                connection.execute(OTHERS_OUT, (name,))
                if _shape(connection) != self._shape or int(_one(connection, LARGEST)) > LARGE:
                    return False
                connection.execute("SET session_replication_role = replica")
                # Rows go in any order: as a replica, the server checks no foreign keys.
                tables = [row[0] for row in connection.execute(TABLES) if row[0] != KEPT]
                for table in tables:
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                connection.execute(SEQUENCES)
        except psycopg.Error:
            return False
        return True


def _shape(connection: psycopg.Connection) -> str:
    """What tells one schema from another: every column, and the version that the migrations have left."""
    return f"{_one(connection, SHAPE)} {_one(connection, VERSION)}"


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])
