"""The database's schema: bringing it to a revision of the migrations, and saying where it stands."""

import io
from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url

from dispatcher.store.engine import Store

HEAD = "head"
BASE = "base"

MIGRATIONS = "migrations:."
"""Where Alembic finds them: the package beside this one, by its name. It knows the tables, they know nothing
of it."""

_LOCK = 0x6469_7370_6174_6368
"""The key of PostgreSQL's advisory lock: processes that start at once migrate one after the other."""


def upgrade(url: str, revision: str = HEAD) -> None:
    """Bring the database up to ``revision``; does nothing when it is there already.

    The whole way is one transaction: it succeeds or leaves the schema as it was. Any number of
    processes may call this at once.
    """
    _in_transaction(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = BASE) -> None:
    """Take the database back to ``revision``, losing what the older schema has no place for."""
    _in_transaction(url, lambda config: command.downgrade(config, revision))


def sql(url: str, revision: str = HEAD) -> str:
    """The statements that build an empty database of the URL's kind, for people who run them by hand."""
    output = io.StringIO()
    config = _config(output)
    config.attributes["dialect"] = make_url(url).get_backend_name()
    command.upgrade(config, revision, sql=True)
    return output.getvalue()


def draft(url: str, message: str) -> None:
    """Write a new migration: what the tables have become, compared with the database at ``url``.

    Alembic prints the new file's name.
    """
    number = len(list(ScriptDirectory.from_config(_config()).walk_revisions())) + 1

    def write(config: Config) -> None:
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")

    _in_transaction(url, write)


def newest() -> str | None:
    """The newest revision that this version of the software knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current(url: str) -> str | None:
    """The revision that the database has, or None before the first migration."""
    store = Store(url)
    try:
        with store.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        store.close()


def is_current(url: str) -> bool:
    """Whether the database has the newest revision."""
    return current(url) == newest()


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", MIGRATIONS)
    return config


def _in_transaction(url: str, run: Callable[[Config], None]) -> None:
    store = Store(url)
    if store.is_sqlite:
        event.listen(store.engine, "connect", _without_foreign_keys)
    try:
        with store.write() as connection:
            if not store.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            run(config)
            if store.is_sqlite:
                _check_foreign_keys(connection)
    finally:
        store.close()


def _without_foreign_keys(connection: Any, _record: Any) -> None:
    # SQLite changes a table by copying and dropping it, and the drop would cascade to what refers to it.
    connection.execute("PRAGMA foreign_keys=OFF").close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise RuntimeError(f"the migration left rows in {tables} that refer to nothing; nothing was changed")
