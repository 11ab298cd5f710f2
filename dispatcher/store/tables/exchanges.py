"""The PBXs as all processes together know them: trunks, others' calls, sessions, questions, streams."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from dispatcher.store.tables.columns import instant, json_column, partial


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
    configured: dict[str, Any] | None = json_column()
    channels: int
    reserved_for_alarms: int = 0
    calls_per_second: float | None = None
    paused: bool = False
    next_slot_at: datetime | None = instant()
    last_claim_at: datetime | None = instant()
    failures_in_row: int = 0
    blocked_until: datetime | None = instant()
    blocked_why: str = ""
    down_why: str = ""
    """Why nothing can go out on it, as the last event about it has told."""
    pbx_status: str = ""
    pbx_usable: bool | None = None
    checked_at: datetime | None = instant()


class ForeignCall(SQLModel, table=True):
    """A call on one of our trunks that is not ours: people phone too."""

    __tablename__ = "foreign_calls"
    __table_args__ = (partial("ix_foreign_calls_live", "pbx", "trunk", where="ended_at IS NULL"),)

    pbx: str = Field(primary_key=True)
    callid: str = Field(primary_key=True)
    trunk: str
    since: datetime = instant(nullable=False)
    releases: int = 0
    ended_at: datetime | None = instant()


class PbxSession(SQLModel, table=True):
    """One login at one PBX, shared by every process."""

    __tablename__ = "pbx_sessions"

    pbx: str = Field(primary_key=True)
    token: str | None = None
    generation: int = 0
    began_at: datetime | None = instant()
    """When this session was begun; what the PBX was asked before that, it may have forgotten."""
    refreshed_at: datetime | None = instant()
    lease_owner: str | None = None
    lease_until: datetime | None = instant()
    refused_password: str | None = None
    """A digest of the account that the PBX refused, so that it is not tried again unchanged."""
    retry_at: datetime | None = instant()
    problem: str = ""


class PbxIvrs(SQLModel, table=True):
    """The IVRs of one PBX, as it has last shown them."""

    __tablename__ = "pbx_ivrs"

    pbx: str = Field(primary_key=True)
    numbers: list[str] | None = json_column()
    looked_at: datetime = instant(nullable=False)


class Inquiry(SQLModel, table=True):
    """What one PBX was asked about open calls, by all processes together.

    ``wanted_at`` is when somebody demanded that every open call be asked for, and ``wanted_because`` why.
    """

    __tablename__ = "inquiries"
    __table_args__ = (CheckConstraint("failures >= 0", name="ck_inquiries_failures"),)

    pbx: str = Field(primary_key=True)
    wanted_at: datetime | None = instant()
    wanted_because: str = ""
    looked_at: datetime | None = instant()
    records_at: datetime | None = instant()
    failures: int = 0
    not_before: datetime | None = instant()
    """After failures in a row the PBX is left alone until then."""


class ReportStreamState(SQLModel, table=True):
    """How far the reports of a PBX have been read from it, where it does not post them."""

    __tablename__ = "report_streams"

    pbx: str = Field(primary_key=True)
    position: str = ""
    connected_at: datetime | None = instant()
    lost_at: datetime | None = instant()
    refused_account: str | None = None
    """A digest of the account that the PBX refused, so that it is not tried again unchanged."""
    retry_at: datetime | None = instant()
    problem: str = ""
