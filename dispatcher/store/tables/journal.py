"""What has happened, for people, metrics and the auditor."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import Kept
from dispatcher.store.tables.columns import NEVER_REUSED, instant, json_column, partial, quoted
from dispatcher.store.types import Serial


class Event(SQLModel, table=True):
    """One change of an alarm, campaign, call or trunk, or of a contact or the like, with its cause."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint(
            f"subject IN ('alarm', 'campaign', 'call', 'trunk', {quoted(Kept)})",
            name="ck_events_subject",
        ),
        Index("ix_events_subject", "subject_id"),
        partial("ix_events_alarm", "alarm_id", where="alarm_id IS NOT NULL"),
        Index("ix_events_at", "at"),
        partial("ix_events_trail", "id", where=f"subject IN ({quoted(Kept)})"),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    at: datetime = instant(nullable=False)
    subject: str
    subject_id: str
    name: str
    cause: str = ""
    alarm_id: str | None = None
    campaign_id: str | None = None
    attempt_id: str | None = None
    data: dict[str, Any] | None = json_column()


class Tally(SQLModel, table=True):
    """A counter or a histogram's bucket, counted in the transaction of what it counts.

    Split over a few shards, so that processes do not wait for each other's rows.
    """

    __tablename__ = "tallies"

    name: str = Field(primary_key=True)
    labels: str = Field(primary_key=True)
    shard: int = Field(primary_key=True)
    value: float = 0.0


class AuditState(SQLModel, table=True):
    """What the auditor's last look found of one invariant."""

    __tablename__ = "audits"
    __table_args__ = (CheckConstraint("found >= 0", name="ck_audits_found"),)

    invariant: str = Field(primary_key=True)
    found: int
    examples: list[str] | None = json_column()
    looked_at: datetime = instant(nullable=False)
    clean_at: datetime | None = instant()
    """When every invariant held; the same in every row."""
