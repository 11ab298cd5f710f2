"""The record of every change, with its cause."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from dispatcher.domain.vocabulary import Kept
from dispatcher.store.bulk import BulkInsert
from dispatcher.store.tables import Event, among, table

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


class Change(NamedTuple):
    """One change of a ``subject`` (alarm, call, contact and the like): what happened, and why."""

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


def trail_page(
    tx: Connection, limit: int, before: int | None, subject: str | None, subject_id: str | None
) -> Sequence[Any]:
    """Changes of the audit trail from the newest on: at most ``limit``, those before the id ``before``."""
    query = select(_events).where(among(_events.c.subject, *Kept))
    if before is not None:
        query = query.where(_events.c.id < before)
    if subject is not None:
        query = query.where(_events.c.subject == subject)
    if subject_id is not None:
        query = query.where(_events.c.subject_id == subject_id)
    return tx.execute(query.order_by(_events.c.id.desc()).limit(limit)).all()
