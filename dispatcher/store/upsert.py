"""An INSERT that knows what to do about a row that is there already."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(tx: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with ``ON CONFLICT``, which both databases have in the same words but SQLAlchemy twice."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
