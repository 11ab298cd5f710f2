"""Statements that are handed to the driver itself, for the few that run all the time.

What SQLAlchemy does around each statement takes several times as long as the statement: it makes a cursor, a
context and a result. Here each connection has one cursor, and a statement is its text and its values.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_CURSOR = "cursor of direct statements"

Values = Sequence[Any] | Mapping[str, Any]


def execute(tx: Connection, statement: str, values: Values) -> Any:
    """Run a statement in the driver's own words; its rows are to be fetched at once from what is returned.

    That is the connection's one cursor, which the next statement uses again. Raises what SQLAlchemy would.
    """
    if tx.engine.dispatch.before_cursor_execute:
        return tx.exec_driver_sql(statement, values).cursor  # Whoever listens to statements hears of it.
    known = tx.info
    cursor = known.get(_CURSOR)
    if cursor is None:
        cursor = known[_CURSOR] = tx.connection.cursor()
    try:
        cursor.execute(statement, values)
    except tx.dialect.loaded_dbapi.Error as error:
        _fail(tx, statement, values, error)
    return cursor


def _fail(tx: Connection, statement: str, values: Any, error: Exception) -> None:
    """Raise the error as SQLAlchemy's."""
    dialect = tx.dialect
    if dialect.is_disconnect(error, tx.connection.dbapi_connection, None):  # type: ignore[arg-type]
        # Fails again on the dead connection, and SQLAlchemy gives up all that were made before now.
        tx.exec_driver_sql(statement, values)
    raise DBAPIError.instance(
        statement,
        values,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=tx.engine.hide_parameters,
        dialect=dialect,
    ) from error
