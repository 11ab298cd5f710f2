"""What the tables are made of: kinds of columns, constraints and indexes, each spelled once."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Table,
    Text,
    literal_column,
    text,
)
from sqlmodel import Field, SQLModel

from dispatcher.store.types import JsonValue, UtcDateTime


def table(model: type[SQLModel]) -> Table:
    """The table of a model, for statements that touch many rows at once."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def among(column: ColumnElement[Any], *words: StrEnum) -> ColumnElement[bool]:
    """The condition that a column holds one of these words, written out in the statement.

    An index over part of a table is used only when the statement itself says which part: neither
    SQLite nor a prepared plan of PostgreSQL looks at a parameter for that.
    """
    literals = [literal_column(f"'{word}'", Text) for word in words]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)


NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}
"""Ids of pruned rows do not come again, so that a reader can go on after the last one it has seen."""


def quoted(values: Iterable[StrEnum]) -> str:
    """The words as a list of SQL."""
    return ", ".join(f"'{value}'" for value in values)


def one_of(table: str, column: str, values: type[StrEnum]) -> CheckConstraint:
    """The constraint that a column holds one word of a closed set."""
    return CheckConstraint(f"{column} IN ({quoted(values)})", name=f"ck_{table}_{column}")


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the part of a table that ``where`` names."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def json_column(nullable: bool = True) -> Any:
    """A column that holds a JSON document."""
    return Field(default=None, sa_column=Column(JsonValue, nullable=nullable))


def instant(nullable: bool = True) -> Any:
    """A column that holds a point in time, in UTC."""
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=nullable))


def reference(target: str, nullable: bool = True) -> Any:
    """A column that names another table's row, and goes with it."""
    return Field(
        default=None, sa_column=Column(Text, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)
    )
