"""Campaigns."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import CampaignStatus, DeliveredWhen, MessageKind
from dispatcher.store.tables.columns import instant, json_column, one_of


class Campaign(SQLModel, table=True):
    """One message for many people, at a pace."""

    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("campaigns", "status", CampaignStatus),
        one_of("campaigns", "message_kind", MessageKind),
        one_of("campaigns", "delivered_when", DeliveredWhen),
        CheckConstraint("priority BETWEEN 0 AND 9", name="ck_campaigns_priority"),
        CheckConstraint("weight BETWEEN 1 AND 100", name="ck_campaigns_weight"),
        CheckConstraint("max_concurrent IS NULL OR max_concurrent >= 1", name="ck_campaigns_max_concurrent"),
        Index("ix_campaigns_status", "status"),
    )

    id: str = Field(primary_key=True)
    name: str
    status: str
    message_kind: str
    message_value: str
    message_count: int = 1
    delivered_when: str
    ack_digits: str = ""
    retry: dict[str, Any] | None = json_column()
    priority: int = 5
    weight: int = 1
    max_concurrent: int | None = None
    trunks: list[str] | None = json_column()
    windows: list[dict[str, Any]] | None = json_column()
    timezone: str | None = None
    region: str | None = None
    callback_url: str | None = None
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)
    started_at: datetime | None = instant()
    finished_at: datetime | None = instant()
    expires_at: datetime | None = instant()
    paused_why: str = ""
    """Why it was paused by itself; empty when people did it, or nobody."""
