"""The record of every change, with its cause."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from dispatcher.store.tables import Event, table

_events = table(Event)


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
    if changes:
        tx.execute(insert(_events), [{"at": now, **asdict(change)} for change in changes])
