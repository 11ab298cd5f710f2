"""Column types that behave alike on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: ``timestamptz`` on PostgreSQL, sortable UTC text on SQLite, always aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: an instant without its zone is a bug."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every time as UTC."""
        return None if value is None else value.astimezone(UTC)

    # These run for every time in every row, and on SQLite the way through ``datetime`` and back is long.

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """SQLite: the text itself, as SQLAlchemy's own type writes it."""
        return as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """SQLite: the time from the text."""
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


_LENGTH = len("2026-11-21 03:00:00.123456")


@lru_cache(maxsize=4096)
def as_text(value: datetime | None) -> str | None:
    """An instant as SQLite keeps it. A transaction writes the same one into many rows."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone can't be stored")
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat(" ", "microseconds")[:_LENGTH]


def _from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


JsonValue: Any = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document; None is SQL NULL."""

Serial: Any = BigInteger().with_variant(Integer, "sqlite")
"""A growing 64-bit key (SQLite only counts up an INTEGER)."""
