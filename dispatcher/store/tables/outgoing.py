"""What is told to other systems, and what must be heard from them: webhooks and heartbeats."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Text
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import DeliveryState, HeartbeatStatus
from dispatcher.store.tables.columns import NEVER_REUSED, instant, json_column, one_of, partial, reference
from dispatcher.store.types import Serial


class Webhook(SQLModel, table=True):
    """Where outcomes are posted to, and the secret that they are signed with."""

    __tablename__ = "webhooks"

    name: str = Field(primary_key=True)
    url: str
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = instant()
    """Until then messages are signed with the secret before the last change too."""
    kinds: list[str] | None = json_column()
    """The kinds of messages it wants; empty for all."""
    active: bool = True
    stopped_why: str = ""
    """Why it was stopped by itself; empty when people did it, or nobody."""
    after_event: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """The newest event when it was made or made active: it is told of those after."""
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class Delivery(SQLModel, table=True):
    """One message to one webhook, or to a campaign's ``callback_url``, until it is taken or given up."""

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("deliveries", "state", DeliveryState),
        CheckConstraint("tries >= 0", name="ck_deliveries_tries"),
        partial("ix_deliveries_due", "receiver", "next_at", where="state = 'waiting'"),
        partial("ix_deliveries_dead", "id", where="state = 'dead'"),
        partial("ix_deliveries_ended", "ended_at", where="ended_at IS NOT NULL"),
        partial("ix_deliveries_webhook", "webhook", "id", where="webhook IS NOT NULL"),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    message_id: str
    """The same in every try, so that the receiver can tell a repetition."""
    kind: str
    webhook: str | None = Field(
        default=None, sa_column=Column(Text, ForeignKey("webhooks.name", ondelete="CASCADE"), nullable=True)
    )
    campaign_id: str | None = reference("campaigns.id")
    receiver: str
    """Who takes it: a webhook's name, or the host of a ``callback_url``. None waits for another."""
    url: str
    body: str
    state: str
    tries: int = 0
    next_at: datetime | None = instant()
    """When it is tried next; while a try is under way, when that one counts as lost."""
    give_up_at: datetime = instant(nullable=False)
    status: int | None = None
    problem: str = ""
    created_at: datetime = instant(nullable=False)
    ended_at: datetime | None = instant()


class Heartbeat(SQLModel, table=True):
    """Something that must be heard of; its silence raises an alarm. ``alarm`` is what is raised then."""

    __tablename__ = "heartbeats"
    __table_args__ = (
        one_of("heartbeats", "status", HeartbeatStatus),
        CheckConstraint("every_seconds > 0 AND grace_seconds >= 0", name="ck_heartbeats_times"),
        partial("ix_heartbeats_due", "due_at", where="due_at IS NOT NULL"),
    )

    name: str = Field(primary_key=True)
    every_seconds: float
    grace_seconds: float = 0.0
    alarm: dict[str, Any] | None = json_column(nullable=False)
    status: str
    heard_at: datetime | None = instant()
    due_at: datetime | None = instant()
    """When its silence becomes an alarm, or became one."""
    latest_at: datetime | None = instant()
    """No outage of ours puts ``due_at`` off beyond this."""
    gap_seconds: float | None = None
    """How long the last sign had come after the one before it; empty while that is not known."""
    alarm_id: str | None = None
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class Mark(SQLModel, table=True):
    """How far something has come that goes on from there after a restart."""

    __tablename__ = "marks"

    name: str = Field(primary_key=True)
    position: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    state: dict[str, Any] | None = json_column()
    at: datetime | None = instant()
