"""The tables, with the constraints that keep them true.

Table models validate nothing in Python; requests are validated by their own schemas before they get
here, and the database holds the line with CHECK, UNIQUE and foreign keys.
"""

from collections.abc import Iterable
from datetime import datetime
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
    UniqueConstraint,
    literal_column,
    text,
)
from sqlmodel import Field, SQLModel

from dispatcher.domain.doubt import Step
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import (
    LIVE_PHASES,
    AlarmStatus,
    CallState,
    CampaignStatus,
    DeliveredWhen,
    Disposition,
    MessageKind,
    Outcome,
    Phase,
    Severity,
)
from dispatcher.store.types import JsonValue, Serial, UtcDateTime


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


_NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}
"""Ids of pruned rows do not come again, so that a reader can go on after the last one it has seen."""

HELD: Any = text("attempts.channel_held")
"""The condition that an attempt holds its channel, as the index over such attempts has it."""


def _quoted(values: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _one_of(table: str, column: str, values: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({_quoted(values)})", name=f"ck_{table}_{column}")


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _json(nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(JsonValue, nullable=nullable))


def _instant(nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=nullable))


def _reference(target: str, nullable: bool = True) -> Any:
    return Field(
        default=None, sa_column=Column(Text, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)
    )


class Alarm(SQLModel, table=True):
    """Something that people must be told about, until one of them acknowledges it."""

    __tablename__ = "alarms"
    __table_args__ = (
        _one_of("alarms", "status", AlarmStatus),
        _one_of("alarms", "severity", Severity),
        _one_of("alarms", "message_kind", MessageKind),
        _one_of("alarms", "delivered_when", DeliveredWhen),
        CheckConstraint("occurrences >= 1", name="ck_alarms_occurrences"),
        _partial(
            "uq_alarms_open_dedup_key",
            "dedup_key",
            where="dedup_key IS NOT NULL AND status IN ('open', 'acknowledged')",
            unique=True,
        ),
        Index("ix_alarms_status", "status", "id"),
        _partial("ix_alarms_dedup_key", "dedup_key", "id", where="dedup_key IS NOT NULL"),
        _partial("ix_alarms_expires", "expires_at", where="status = 'open' AND expires_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    dedup_key: str | None = None
    status: str
    severity: str
    summary: str
    source: str
    policy: str | None = None
    details: dict[str, Any] | None = _json()
    message_kind: str
    message_value: str
    message_count: int = 1
    delivered_when: str
    ack_digits: str = ""
    retry: dict[str, Any] | None = _json()
    occurrences: int = 1
    created_at: datetime = _instant(nullable=False)
    updated_at: datetime = _instant(nullable=False)
    expires_at: datetime | None = _instant()
    acknowledged_at: datetime | None = _instant()
    acknowledged_by: str | None = None
    resolved_at: datetime | None = _instant()


class Campaign(SQLModel, table=True):
    """One message for many people, at a pace."""

    __tablename__ = "campaigns"
    __table_args__ = (
        _one_of("campaigns", "status", CampaignStatus),
        _one_of("campaigns", "message_kind", MessageKind),
        _one_of("campaigns", "delivered_when", DeliveredWhen),
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
    retry: dict[str, Any] | None = _json()
    priority: int = 5
    weight: int = 1
    max_concurrent: int | None = None
    trunks: list[str] | None = _json()
    windows: list[dict[str, Any]] | None = _json()
    timezone: str | None = None
    region: str | None = None
    callback_url: str | None = None
    created_at: datetime = _instant(nullable=False)
    updated_at: datetime = _instant(nullable=False)
    started_at: datetime | None = _instant()
    finished_at: datetime | None = _instant()
    expires_at: datetime | None = _instant()
    paused_why: str = ""
    """Why it was paused by itself; empty when people did it, or nobody."""


class Call(SQLModel, table=True):
    """One person to reach, for one reason: an alarm or a campaign."""

    __tablename__ = "calls"
    __table_args__ = (
        _one_of("calls", "state", CallState),
        _one_of("calls", "outcome", Outcome),
        CheckConstraint("(alarm_id IS NULL) <> (campaign_id IS NULL)", name="ck_calls_one_reason"),
        CheckConstraint(
            "(number IS NOT NULL AND extension IS NULL AND pbx_user IS NULL)"
            " OR (number IS NULL AND extension IS NOT NULL AND pbx_user IS NULL)"
            " OR (number IS NULL AND extension IS NULL AND pbx_user IS NOT NULL)",
            name="ck_calls_one_target",
        ),
        CheckConstraint("attempts_spent >= 0 AND free_failures >= 0", name="ck_calls_counts"),
        UniqueConstraint("campaign_id", "number", name="uq_calls_campaign_number"),
        _partial("ix_calls_due_alarms", "due_at", where="state = 'queued' AND alarm_id IS NOT NULL"),
        _partial(
            "ix_calls_fresh",
            "campaign_id",
            "due_at",
            where="state = 'queued' AND campaign_id IS NOT NULL AND attempts_made = 0",
        ),
        _partial(
            "ix_calls_again",
            "campaign_id",
            "due_at",
            where="state = 'queued' AND campaign_id IS NOT NULL AND attempts_made > 0",
        ),
        _partial("ix_calls_alarm", "alarm_id", where="alarm_id IS NOT NULL"),
        _partial(
            "ix_calls_campaign_state", "campaign_id", "state", "outcome", where="campaign_id IS NOT NULL"
        ),
        _partial("ix_calls_active", "campaign_id", where="state = 'active'"),
        _partial("ix_calls_expires", "expires_at", where="state = 'queued' AND expires_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    alarm_id: str | None = _reference("alarms.id")
    campaign_id: str | None = _reference("campaigns.id")
    pbx: str | None = None
    """The only PBX that may place it; set where the target is the PBX's own extension or user."""
    number: str | None = None
    extension: str | None = None
    pbx_user: str | None = None
    name: str | None = None
    external_id: str | None = None
    timezone: str | None = None
    fields: dict[str, Any] | None = _json()
    state: str
    outcome: str | None = None
    due_at: datetime = _instant(nullable=False)
    attempts_made: int = 0
    attempts_spent: int = 0
    free_failures: int = 0
    created_at: datetime = _instant(nullable=False)
    updated_at: datetime = _instant(nullable=False)
    expires_at: datetime | None = _instant()


class Attempt(SQLModel, table=True):
    """One dial of a call, holding its channel from the claim to the fact that ends it.

    ``trunk`` is empty for an extension, which takes no trunk. ``channel_held`` is what capacity is
    counted by. The facts are :class:`dispatcher.domain.facts.Facts`, column by column.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        _one_of("attempts", "phase", Phase),
        _one_of("attempts", "outcome", Outcome),
        _one_of("attempts", "cause", Reason),
        _one_of("attempts", "cdr_status", CdrStatus),
        CheckConstraint("phase <> 'ended' OR outcome IS NOT NULL", name="ck_attempts_ended_has_outcome"),
        CheckConstraint("phase = 'ended' OR channel_held", name="ck_attempts_live_holds_channel"),
        UniqueConstraint("call_id", "ordinal", name="uq_attempts_call_ordinal"),
        _partial(
            "uq_attempts_one_live",
            "call_id",
            where=f"phase IN ({_quoted(LIVE_PHASES)})",
            unique=True,
        ),
        _partial("ix_attempts_callid", "pbx", "callid", where="callid IS NOT NULL"),
        _partial("ix_attempts_channels", "pbx", "trunk", where="channel_held"),
        _partial("ix_attempts_doubted", "pbx", "claimed_at", where="doubted_at IS NOT NULL"),
        _partial("ix_attempts_freed", "pbx", "trunk", "freed_at", where="freed_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    call_id: str = _reference("calls.id", nullable=False)
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
    claimed_at: datetime = _instant(nullable=False)
    slot_freed_at: datetime | None = _instant()
    dialed_at: datetime | None = _instant()
    accepted_at: datetime | None = _instant()
    doubted_at: datetime | None = _instant()
    ringing_at: datetime | None = _instant()
    answered_at: datetime | None = _instant()
    prompt_ended_at: datetime | None = _instant()
    keys: list[Any] | None = _json()
    released_at: datetime | None = _instant()
    releases: list[str] | None = _json()
    failed_at: datetime | None = _instant()
    cause: str | None = None
    cause_text: str = ""
    cdr_at: datetime | None = _instant()
    cdr_status: str | None = None
    talk_seconds: int | None = None
    recording: str = ""
    leg: str = ""
    taken_trunk: str = ""
    closed_at: datetime | None = _instant()
    hung_up_at: datetime | None = _instant()
    freed_at: datetime | None = _instant()
    seen: str = ""
    """Short digests of the reports already applied, to tell a repetition from news."""


class Doubt(SQLModel, table=True):
    """An open attempt whose call is in question: what the PBX was asked about it, and what it answered.

    The row comes with the question and goes with its answer. ``next_step`` and ``why`` are in the words of
    :mod:`dispatcher.domain.doubt`.
    """

    __tablename__ = "doubts"
    __table_args__ = (
        _one_of("doubts", "next_step", Step),
        CheckConstraint("looks >= 0", name="ck_doubts_looks"),
        Index("ix_doubts_pbx", "pbx", "next_at"),
    )

    attempt_id: str = Field(
        sa_column=Column(Text, ForeignKey("attempts.id", ondelete="CASCADE"), primary_key=True)
    )
    pbx: str
    because: str
    """What brought the call into question."""
    since: datetime = _instant(nullable=False)
    looks: int = 0
    looked_at: datetime | None = _instant()
    shown_at: datetime | None = _instant()
    absent_at: datetime | None = _instant()
    records_at: datetime | None = _instant()
    next_step: str
    next_at: datetime = _instant(nullable=False)
    why: str = ""


class RawReport(SQLModel, table=True):
    """What a PBX posted, as it came, and what became of it."""

    __tablename__ = "reports"
    __table_args__ = (
        _one_of("reports", "disposition", Disposition),
        _partial("ix_reports_pending", "pbx", "callid", where="disposition = 'pending'"),
        _partial("ix_reports_attempt", "attempt_id", where="attempt_id IS NOT NULL"),
        Index("ix_reports_received", "received_at"),
        _NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    pbx: str
    received_at: datetime = _instant(nullable=False)
    word: str
    callid: str = ""
    body: str
    disposition: str
    attempt_id: str | None = _reference("attempts.id")


class Arrival(SQLModel, table=True):
    """Reports that have just come in: durable, answered, and about to be entered, a batch in each row.

    ``batch`` is JSON text: ``[[pbx, received_at, body], …]``. A row is gone once its reports are in
    ``reports``; one that stays was left by a process that died, and the sweep enters it.
    """

    __tablename__ = "arrivals"
    __table_args__ = (_NEVER_REUSED,)

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    at: datetime = _instant(nullable=False)
    batch: str


class Event(SQLModel, table=True):
    """One change of an alarm, campaign, call or trunk, with its cause."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("subject IN ('alarm', 'campaign', 'call', 'trunk')", name="ck_events_subject"),
        Index("ix_events_subject", "subject_id"),
        _partial("ix_events_alarm", "alarm_id", where="alarm_id IS NOT NULL"),
        Index("ix_events_at", "at"),
        _NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(Serial, primary_key=True, autoincrement=True))
    at: datetime = _instant(nullable=False)
    subject: str
    subject_id: str
    name: str
    cause: str = ""
    alarm_id: str | None = None
    campaign_id: str | None = None
    attempt_id: str | None = None
    data: dict[str, Any] | None = _json()


class Trunk(SQLModel, table=True):
    """A trunk's run-time settings and health. Its row is the lock under which channels are claimed.

    The row with an empty name stands for calls to extensions, which take no trunk of the PBX.
    """

    __tablename__ = "trunks"
    __table_args__ = (
        CheckConstraint("channels >= 0", name="ck_trunks_channels"),
        CheckConstraint("reserved_for_alarms >= 0", name="ck_trunks_reserved"),
        CheckConstraint("calls_per_second IS NULL OR calls_per_second > 0", name="ck_trunks_cps"),
    )

    pbx: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    configured: dict[str, Any] | None = _json()
    channels: int
    reserved_for_alarms: int = 0
    calls_per_second: float | None = None
    paused: bool = False
    next_slot_at: datetime | None = _instant()
    last_claim_at: datetime | None = _instant()
    failures_in_row: int = 0
    blocked_until: datetime | None = _instant()
    blocked_why: str = ""
    down_why: str = ""
    """Why nothing can go out on it, as the last event about it has told."""
    pbx_status: str = ""
    pbx_usable: bool | None = None
    checked_at: datetime | None = _instant()


class ForeignCall(SQLModel, table=True):
    """A call on one of our trunks that is not ours: people phone too."""

    __tablename__ = "foreign_calls"
    __table_args__ = (_partial("ix_foreign_calls_live", "pbx", "trunk", where="ended_at IS NULL"),)

    pbx: str = Field(primary_key=True)
    callid: str = Field(primary_key=True)
    trunk: str
    since: datetime = _instant(nullable=False)
    releases: int = 0
    ended_at: datetime | None = _instant()


class PbxSession(SQLModel, table=True):
    """One login at one PBX, shared by every process."""

    __tablename__ = "pbx_sessions"

    pbx: str = Field(primary_key=True)
    token: str | None = None
    generation: int = 0
    began_at: datetime | None = _instant()
    """When this session was begun; what the PBX was asked before that, it may have forgotten."""
    refreshed_at: datetime | None = _instant()
    lease_owner: str | None = None
    lease_until: datetime | None = _instant()
    refused_password: str | None = None
    """A digest of the account that the PBX refused, so that it is not tried again unchanged."""
    retry_at: datetime | None = _instant()
    problem: str = ""


class Inquiry(SQLModel, table=True):
    """What one PBX was asked about open calls, by all processes together.

    ``wanted_at`` is when somebody demanded that every open call be asked for, and ``wanted_because`` why.
    """

    __tablename__ = "inquiries"
    __table_args__ = (CheckConstraint("failures >= 0", name="ck_inquiries_failures"),)

    pbx: str = Field(primary_key=True)
    wanted_at: datetime | None = _instant()
    wanted_because: str = ""
    looked_at: datetime | None = _instant()
    records_at: datetime | None = _instant()
    failures: int = 0
    not_before: datetime | None = _instant()
    """After failures in a row the PBX is left alone until then."""


class Lease(SQLModel, table=True):
    """The right of one process to do something, until it lapses unrenewed."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime = _instant(nullable=False)


class ReportStreamState(SQLModel, table=True):
    """How far the reports of a PBX have been read from it, where it does not post them."""

    __tablename__ = "report_streams"

    pbx: str = Field(primary_key=True)
    position: str = ""
    connected_at: datetime | None = _instant()
    lost_at: datetime | None = _instant()
    refused_account: str | None = None
    """A digest of the account that the PBX refused, so that it is not tried again unchanged."""
    retry_at: datetime | None = _instant()
    problem: str = ""


class ProcessSign(SQLModel, table=True):
    """A process that dials, and which attempts it is dialling just now."""

    __tablename__ = "processes"

    name: str = Field(primary_key=True)
    seen_at: datetime = _instant(nullable=False)
    dialing: list[str] | None = _json()


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
    examples: list[str] | None = _json()
    looked_at: datetime = _instant(nullable=False)
    clean_at: datetime | None = _instant()
    """When every invariant held; the same in every row."""


class IdempotencyKey(SQLModel, table=True):
    """The answer that a POST with an Idempotency-Key got, to be given again."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created", "created_at"),)

    client: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    """A digest of method, path and body: the same key with another request is an error."""
    status: int = 0
    headers: dict[str, str] | None = _json()
    response: str = ""
    created_at: datetime = _instant(nullable=False)
