"""Two tables: the calls, and every report that came in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import registry
from sqlmodel import JSON, Column, Field, SQLModel


class Status(StrEnum):
    """Where a call is; the last four are outcomes."""

    NEW = "new"
    QUEUED = "queued"
    DIALLED = "dialled"
    ACKNOWLEDGED = "acknowledged"
    HEARD = "heard"
    NOT_HEARD = "not_heard"
    FAILED = "failed"


OUTCOMES = (Status.ACKNOWLEDGED, Status.HEARD, Status.NOT_HEARD, Status.FAILED)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Tables(SQLModel, registry=registry()):
    """Kept apart from the product's tables, where one process knows both."""


class Call(Tables, table=True):
    """One person to reach."""

    id: int | None = Field(default=None, primary_key=True)
    number: str
    status: str = Field(default=Status.NEW, index=True)
    callid: str | None = Field(default=None, index=True)
    created_at: datetime = Field(default_factory=now)
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    heard_at: datetime | None = None
    ended_at: datetime | None = None
    digits: str = ""
    cause: str = ""

    def apply(self, report: Mapping[str, Any]) -> bool:
        """Enter one report, and tell whether it is the call's last."""
        action = report.get("action")
        if action == "ANSWERED":
            self.answered_at = self.answered_at or now()
        elif action == "PlayPromptEnd":
            self.heard_at = self.heard_at or now()
        elif action == "DTMF":
            self.digits = str(report.get("info", ""))
        elif action == "CallFailed":
            self.cause = str(report.get("reason", ""))
        if action != "NewCdr":
            return False
        self.ended_at = self.ended_at or now()
        self.status = self._outcome()
        return True

    def _outcome(self) -> Status:
        if self.digits == "1":
            return Status.ACKNOWLEDGED
        if self.heard_at is not None:
            return Status.HEARD
        return Status.FAILED if self.cause else Status.NOT_HEARD


class Report(Tables, table=True):
    """One report as the PBX sent it."""

    id: int | None = Field(default=None, primary_key=True)
    callid: str = Field(index=True)
    action: str
    received_at: datetime = Field(default_factory=now)
    body: dict[str, Any] = Field(sa_column=Column(JSON))
