"""Alarms, and whom they page."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from dispatcher.domain.vocabulary import AlarmStatus, DeliveredWhen, MessageKind, PageState, Purpose, Severity
from dispatcher.store.tables.columns import instant, json_column, one_of, partial, reference


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
        partial("ix_alarms_next", "next_at", where="next_at IS NOT NULL"),
        partial("ix_alarms_held", "held_by", where="held_by IS NOT NULL"),
        CheckConstraint("step >= 0", name="ck_alarms_step"),
        CheckConstraint("round >= 0", name="ck_alarms_round"),
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
    labels: dict[str, str] | None = json_column()
    """What silences, inhibitions and groups match."""
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
    plan: dict[str, Any] | None = json_column()
    """Its policy as it stood when the alarm was raised: the steps, and what goes with them."""
    step: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """The step that is under way, or comes next; 0 is the first."""
    round: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often all steps have been gone through."""
    next_at: datetime | None = instant()
    """When its escalation is looked at again; empty when nothing more is to come by itself."""
    held_why: str | None = None
    """Why nobody is called for it now; empty when nothing holds it."""
    held_by: str | None = None
    """What holds it: a silence, the alarm that inhibits it, or its group."""


class Page(SQLModel, table=True):
    """One person to be told of one alarm, in one step of its plan.

    A line of a step is one person after the other; ``position`` is the place in it. ``call_id`` is the
    call that tells them, which may tell them of other alarms too.
    """

    __tablename__ = "pages"
    __table_args__ = (
        one_of("pages", "state", PageState),
        one_of("pages", "purpose", Purpose),
        CheckConstraint("state <> 'calling' OR call_id IS NOT NULL", name="ck_pages_calling"),
        partial("uq_pages_call", "call_id", "alarm_id", where="call_id IS NOT NULL", unique=True),
        Index("ix_pages_alarm", "alarm_id"),
    )

    id: str = Field(primary_key=True)
    alarm_id: str = reference("alarms.id", nullable=False)
    call_id: str | None = reference("calls.id")
    purpose: str
    step: int = 0
    round: int = 0
    line: int = 0
    position: int = 0
    number: str | None = None
    extension: str | None = None
    pbx_user: str | None = None
    pbx: str | None = None
    name: str | None = None
    contact: str | None = None
    state: str
    why: str = ""
    """Why it ended without a call of its own, or was left out."""
    keys_done: str = ""
    """The keys pressed in its call that have had their effect."""
    created_at: datetime = instant(nullable=False)
    called_at: datetime | None = instant()
    ended_at: datetime | None = instant()
