"""Alarms."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import AlarmStatus, DeliveredWhen, MessageKind, Severity
from dispatcher.store.tables.columns import instant, json_column, one_of, partial


class Alarm(SQLModel, table=True):
    """Something that people must be told about, until one of them acknowledges it."""

    __tablename__ = "alarms"
    __table_args__ = (
        one_of("alarms", "status", AlarmStatus),
        one_of("alarms", "severity", Severity),
        one_of("alarms", "message_kind", MessageKind),
        one_of("alarms", "delivered_when", DeliveredWhen),
        CheckConstraint("occurrences >= 1", name="ck_alarms_occurrences"),
        partial(
            "uq_alarms_open_dedup_key",
            "dedup_key",
            where="dedup_key IS NOT NULL AND status IN ('open', 'acknowledged')",
            unique=True,
        ),
        Index("ix_alarms_status", "status", "id"),
        partial("ix_alarms_dedup_key", "dedup_key", "id", where="dedup_key IS NOT NULL"),
        partial("ix_alarms_expires", "expires_at", where="status = 'open' AND expires_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    dedup_key: str | None = None
    status: str
    severity: str
    summary: str
    source: str
    policy: str | None = None
    details: dict[str, Any] | None = json_column()
    message_kind: str
    message_value: str
    message_count: int = 1
    delivered_when: str
    ack_digits: str = ""
    retry: dict[str, Any] | None = json_column()
    occurrences: int = 1
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)
    expires_at: datetime | None = instant()
    acknowledged_at: datetime | None = instant()
    acknowledged_by: str | None = None
    resolved_at: datetime | None = instant()
