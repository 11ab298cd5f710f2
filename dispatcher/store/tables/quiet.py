"""What keeps phones quiet: silences, maintenance windows, inhibitions, and groups of alarms that wait."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import SilenceKind
from dispatcher.store.tables.columns import instant, json_column, one_of


class Silence(SQLModel, table=True):
    """A time in which alarms that match call nobody. A maintenance window may come again each week."""

    __tablename__ = "silences"
    __table_args__ = (
        one_of("silences", "kind", SilenceKind),
        CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="ck_silences_times"),
        Index("ix_silences_ends", "ends_at"),
    )

    id: str = Field(primary_key=True)
    kind: str
    matchers: list[dict[str, Any]] | None = json_column(nullable=False)
    starts_at: datetime = instant(nullable=False)
    ends_at: datetime | None = instant()
    windows: list[dict[str, Any]] | None = json_column()
    timezone: str | None = None
    why: str = ""
    created_by: str = ""
    created_at: datetime = instant(nullable=False)


class Inhibition(SQLModel, table=True):
    """While an alarm that matches ``source`` is in hand, those that match ``target`` call nobody.

    Both must have the same values of the labels in ``equal``.
    """

    __tablename__ = "inhibitions"

    name: str = Field(primary_key=True)
    source: list[dict[str, Any]] | None = json_column(nullable=False)
    target: list[dict[str, Any]] | None = json_column(nullable=False)
    equal: list[str] | None = json_column(nullable=False)
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class AlarmGroup(SQLModel, table=True):
    """Alarms of one policy with the same values of its grouping labels, which are told together."""

    __tablename__ = "alarm_groups"

    key: str = Field(primary_key=True)
    policy: str
    labels: dict[str, str] | None = json_column()
    told_at: datetime | None = instant()
    """When the group was told last."""
    next_at: datetime | None = instant()
    """When those that wait are told."""
