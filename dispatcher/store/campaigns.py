"""Campaigns as rows: making them, their guarded changes of status, and how their calls stand."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from dispatcher.domain.vocabulary import CampaignStatus
from dispatcher.domain.windows import DAYS, Window
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import Attempt, Call, Campaign, Event, table

_campaigns = table(Campaign)
_calls = table(Call)
_attempts = table(Attempt)
_events = table(Event)

_DRAFT, _RUNNING, _PAUSED = CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED
_FINISHED, _CANCELLED = CampaignStatus.FINISHED, CampaignStatus.CANCELLED

ALLOWED: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    _DRAFT: frozenset({_RUNNING, _CANCELLED}),
    _RUNNING: frozenset({_PAUSED, _FINISHED, _CANCELLED}),
    _PAUSED: frozenset({_RUNNING, _FINISHED, _CANCELLED}),
    _FINISHED: frozenset(),
    _CANCELLED: frozenset(),
}
"""Which statuses may follow which."""

TAKES_CONTACTS = (_DRAFT, _RUNNING, _PAUSED)
"""The statuses in which contacts may be added."""


def windows_from(document: Iterable[Mapping[str, Any]] | None) -> list[Window]:
    """Calling windows as they are stored: ``{"days": ["mon"], "from": "09:00", "to": "20:00"}``.

    ``"to": "24:00"`` is the end of the day.
    """
    return [
        Window(
            days=frozenset(DAYS.index(day) for day in item["days"]),
            start=time.fromisoformat(item["from"]),
            end=time(0) if item["to"] == "24:00" else time.fromisoformat(item["to"]),
        )
        for item in document or ()
    ]


def create(tx: Connection, now: datetime, row: Mapping[str, Any]) -> None:
    """Write a new campaign, a draft, with its event row. ``row`` holds the columns that it asks for."""
    values = {**row, "status": _DRAFT, "created_at": now, "updated_at": now}
    tx.execute(insert(_campaigns).values(values))
    change = Change("campaign", row["id"], "created", cause="created as a draft", campaign_id=row["id"])
    events.record(tx, now, [change])


def find(tx: Connection, campaign_id: str, *, lock: bool = False) -> Row[Any] | None:
    """A campaign's row, or None; ``lock`` keeps its status as it is until the transaction ends."""
    query = select(_campaigns).where(_campaigns.c.id == campaign_id)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def move(tx: Connection, now: datetime, campaign_id: str, to: CampaignStatus, name: str, cause: str) -> bool:
    """Move a campaign to status ``to`` from wherever that is allowed; False when it was not.

    The event row is called ``name``.
    """
    allowed = [before for before, after in ALLOWED.items() if to in after]
    values: dict[str, Any] = {"status": to, "updated_at": now}
    if to is _RUNNING:
        values["started_at"] = func.coalesce(_campaigns.c.started_at, now)
    if to in (_FINISHED, _CANCELLED):
        values["finished_at"] = now
    moved = tx.execute(
        update(_campaigns)
        .where(_campaigns.c.id == campaign_id, _campaigns.c.status.in_(allowed))
        .values(values)
    )
    if moved.rowcount:
        events.record(tx, now, [Change("campaign", campaign_id, name, cause=cause, campaign_id=campaign_id)])
    return bool(moved.rowcount)
