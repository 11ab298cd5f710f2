"""Calls, their attempts, and what is in question about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from dispatcher.domain.doubt import Step
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import LIVE_PHASES, CallState, DeliveredWhen, MessageKind, Outcome, Phase
from dispatcher.store.tables.columns import instant, json_column, one_of, partial, quoted, reference

HELD: Any = text("attempts.channel_held")
"""The condition that an attempt holds its channel, as the index over such attempts has it."""


class Call(SQLModel, table=True):
    """One person to reach, for one reason: an alarm or a campaign."""

    __tablename__ = "calls"
    __table_args__ = (
        one_of("calls", "state", CallState),
        one_of("calls", "outcome", Outcome),
        CheckConstraint("(alarm_id IS NULL) <> (campaign_id IS NULL)", name="ck_calls_one_reason"),
        CheckConstraint(
            "(number IS NOT NULL AND extension IS NULL AND pbx_user IS NULL)"
            " OR (number IS NULL AND extension IS NOT NULL AND pbx_user IS NULL)"
            " OR (number IS NULL AND extension IS NULL AND pbx_user IS NOT NULL)",
            name="ck_calls_one_target",
        ),
        CheckConstraint("attempts_spent >= 0 AND free_failures >= 0", name="ck_calls_counts"),
        UniqueConstraint("campaign_id", "number", name="uq_calls_campaign_number"),
        partial("ix_calls_due_alarms", "due_at", where="state = 'queued' AND alarm_id IS NOT NULL"),
        partial(
            "ix_calls_fresh",
            "campaign_id",
            "due_at",
            where="state = 'queued' AND campaign_id IS NOT NULL AND attempts_made = 0",
        ),
        partial(
            "ix_calls_again",
            "campaign_id",
            "due_at",
            where="state = 'queued' AND campaign_id IS NOT NULL AND attempts_made > 0",
        ),
        one_of("calls", "message_kind", MessageKind),
        one_of("calls", "delivered_when", DeliveredWhen),
        partial(
            "uq_calls_bundle",
            "bundle",
            where="bundle IS NOT NULL AND state = 'queued' AND attempts_made = 0",
            unique=True,
        ),
        partial("ix_calls_bundle", "bundle", where="bundle IS NOT NULL AND state = 'queued'"),
        partial("ix_calls_callee", "callee", "updated_at", where="callee IS NOT NULL"),
        partial("ix_calls_alarm", "alarm_id", where="alarm_id IS NOT NULL"),
        partial(
            "ix_calls_campaign_state", "campaign_id", "state", "outcome", where="campaign_id IS NOT NULL"
        ),
        partial("ix_calls_active", "campaign_id", where="state = 'active'"),
        partial("ix_calls_expires", "expires_at", where="state = 'queued' AND expires_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    alarm_id: str | None = reference("alarms.id")
    campaign_id: str | None = reference("campaigns.id")
    pbx: str | None = None
    """The only PBX that may place it; set where the target is the PBX's own extension or user."""
    number: str | None = None
    extension: str | None = None
    pbx_user: str | None = None
    name: str | None = None
    external_id: str | None = None
    timezone: str | None = None
    fields: dict[str, Any] | None = json_column()
    callee: str | None = None
    """Who is rung, in one word, for an alarm's call: nobody's phone rings for two alarms at once."""
    bundle: str | None = None
    """A digest of callee, message and proof: one call tells of all alarms that ask for the same."""
    message_kind: str | None = None
    """What is played, where that is not what the alarm itself says; with the next two columns."""
    message_value: str | None = None
    message_count: int | None = None
    delivered_when: str | None = None
    """What must be shown, where that is not what the alarm asks for."""
    most_per_minute: int | None = None
    most_per_hour: int | None = None
    """So many calls for alarms its callee takes at most; empty: as many as come."""
    state: str
    outcome: str | None = None
    due_at: datetime = instant(nullable=False)
    attempts_made: int = 0
    attempts_spent: int = 0
    free_failures: int = 0
    budget_from: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Attempts up to this one are charged no more: whoever has joined the call since is owed all of them.

    Below zero: so many were used up for the same page before, in a call that could not be placed any more.
    """
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)
    expires_at: datetime | None = instant()


class Attempt(SQLModel, table=True):
    """One dial of a call, holding its channel from the claim to the fact that ends it.

    ``trunk`` is empty for an extension, which takes no trunk. ``channel_held`` is what capacity is
    counted by. The facts are :class:`dispatcher.domain.facts.Facts`, column by column.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("attempts", "phase", Phase),
        one_of("attempts", "outcome", Outcome),
        one_of("attempts", "cause", Reason),
        one_of("attempts", "cdr_status", CdrStatus),
        CheckConstraint("phase <> 'ended' OR outcome IS NOT NULL", name="ck_attempts_ended_has_outcome"),
        CheckConstraint("phase = 'ended' OR channel_held", name="ck_attempts_live_holds_channel"),
        UniqueConstraint("call_id", "ordinal", name="uq_attempts_call_ordinal"),
        partial(
            "uq_attempts_one_live",
            "call_id",
            where=f"phase IN ({quoted(LIVE_PHASES)})",
            unique=True,
        ),
        partial("ix_attempts_callid", "pbx", "callid", where="callid IS NOT NULL"),
        partial("ix_attempts_channels", "pbx", "trunk", where="channel_held"),
        partial("ix_attempts_doubted", "pbx", "claimed_at", where="doubted_at IS NOT NULL"),
        partial("ix_attempts_freed", "pbx", "trunk", "freed_at", where="freed_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    call_id: str = reference("calls.id", nullable=False)
    ordinal: int
    pbx: str
    trunk: str = ""
    target_kind: str
    digits_dialled: str
    lane: str
    supervised: bool = True
    phase: str
    channel_held: bool = True
    outcome: str | None = None
    callid: str | None = None
    claimed_at: datetime = instant(nullable=False)
    slot_freed_at: datetime | None = instant()
    dialed_at: datetime | None = instant()
    accepted_at: datetime | None = instant()
    doubted_at: datetime | None = instant()
    ringing_at: datetime | None = instant()
    answered_at: datetime | None = instant()
    prompt_ended_at: datetime | None = instant()
    keys: list[Any] | None = json_column()
    released_at: datetime | None = instant()
    releases: list[str] | None = json_column()
    failed_at: datetime | None = instant()
    cause: str | None = None
    cause_text: str = ""
    cdr_at: datetime | None = instant()
    cdr_status: str | None = None
    talk_seconds: int | None = None
    recording: str = ""
    leg: str = ""
    taken_trunk: str = ""
    closed_at: datetime | None = instant()
    hung_up_at: datetime | None = instant()
    freed_at: datetime | None = instant()
    seen: str = ""
    """Short digests of the reports already applied, to tell a repetition from news."""


class Doubt(SQLModel, table=True):
    """An open attempt whose call is in question: what the PBX was asked about it, and what it answered.

    The row comes with the question and goes with its answer. ``next_step`` and ``why`` are in the words of
    :mod:`dispatcher.domain.doubt`.
    """

    __tablename__ = "doubts"
    __table_args__ = (
        one_of("doubts", "next_step", Step),
        CheckConstraint("looks >= 0", name="ck_doubts_looks"),
        Index("ix_doubts_pbx", "pbx", "next_at"),
    )

    attempt_id: str = Field(
        sa_column=Column(Text, ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True)
    )
    pbx: str
    because: str
    """What brought the call into question."""
    since: datetime = instant(nullable=False)
    looks: int = 0
    looked_at: datetime | None = instant()
    shown_at: datetime | None = instant()
    absent_at: datetime | None = instant()
    records_at: datetime | None = instant()
    next_step: str
    next_at: datetime = instant(nullable=False)
    why: str = ""
