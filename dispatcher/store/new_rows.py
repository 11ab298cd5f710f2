"""Rows that are only written when there is none of their key, however many write at the same time."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def add_if_new(tx: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Write a row; False when there is one with its key already, which stays as it is."""
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    added = tx.execute(
        dialect.insert(table).values(row).on_conflict_do_nothing(),
        # Without this the number of rows of an INSERT is not kept on PostgreSQL.
        execution_options={"preserve_rowcount": True},
    )
    return bool(added.rowcount)
