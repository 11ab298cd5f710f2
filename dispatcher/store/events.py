"""The record of every change, with its cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dispatcher.store.bulk import BulkInsert
from dispatcher.store.tables import Event, table

_events = table(Event)
_RECORD = BulkInsert(
    _events,
    "at",
    "subject",
    "subject_id",
    "name",
    "cause",
    "alarm_id",
    "campaign_id",
    "attempt_id",
    "data",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a ``subject`` (alarm, campaign, call, trunk): what happened, and why."""

    subject: str
    subject_id: str
    name: str
    cause: str = ""
    alarm_id: str | None = None
    campaign_id: str | None = None
    attempt_id: str | None = None
    data: dict[str, Any] | None = None


def record(tx: Connection, now: datetime, changes: Sequence[Change]) -> None:
    """Write an event row for each of ``changes``, in the transaction that makes them."""
    _RECORD.run(tx, [_row(now, change) for change in changes])


def _row(now: datetime, change: Change) -> dict[str, Any]:
    return {
        "at": now,
        "subject": change.subject,
        "subject_id": change.subject_id,
        "name": change.name,
        "cause": change.cause,
        "alarm_id": change.alarm_id,
        "campaign_id": change.campaign_id,
        "attempt_id": change.attempt_id,
        "data": change.data,
    }
