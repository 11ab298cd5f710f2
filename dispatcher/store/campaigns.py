"""Campaigns as rows: making them, their guarded changes of status, and how their calls stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, or_, select, update

from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState, CampaignStatus, Outcome
from dispatcher.domain.windows import DAYS, Window
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import HELD, Attempt, Call, Campaign, Trunk, among, table

_campaigns = table(Campaign)
_calls = table(Call)
_attempts = table(Attempt)
_trunks = table(Trunk)

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
    values = {**row, "status": _DRAFT, "paused_why": "", "created_at": now, "updated_at": now}
    tx.execute(insert(_campaigns).values(values))
    change = Change("campaign", row["id"], "created", cause="created as a draft", campaign_id=row["id"])
    events.record(tx, now, [change])


def find(tx: Connection, campaign_id: str, *, lock: bool = False) -> Row[Any] | None:
    """A campaign's row, or None; ``lock`` keeps its status as it is until the transaction ends."""
    query = select(_campaigns).where(_campaigns.c.id == campaign_id)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def lock(tx: Connection, campaign_ids: Iterable[str]) -> None:
    """Keep these campaigns' status as it is until the transaction ends, and have others wait to change it."""
    mine = select(_campaigns.c.id).where(_campaigns.c.id.in_(sorted(set(campaign_ids))))
    tx.execute(mine.order_by(_campaigns.c.id).with_for_update()).all()


def move(
    tx: Connection,
    now: datetime,
    campaign_id: str,
    to: CampaignStatus,
    name: str,
    cause: str,
    *,
    paused_why: str = "",
) -> bool:
    """Move a campaign to status ``to`` from wherever that is allowed; False when it was not.

    The event row is called ``name``. ``paused_why`` is for a pause that nobody has asked for.
    """
    allowed = [before for before, after in ALLOWED.items() if to in after]
    values: dict[str, Any] = {"status": to, "updated_at": now, "paused_why": paused_why}
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


def reopen(tx: Connection, now: datetime, campaign_id: str, since: datetime, cause: str) -> None:
    """Have a campaign running again that has finished after ``since``; nothing else is touched."""
    reopened = tx.execute(
        update(_campaigns)
        .where(
            _campaigns.c.id == campaign_id,
            among(_campaigns.c.status, _FINISHED),
            _campaigns.c.finished_at > since,
        )
        .values(status=_RUNNING, finished_at=None, updated_at=now)
    )
    if reopened.rowcount:
        change = Change("campaign", campaign_id, "reopened", cause=cause, campaign_id=campaign_id)
        events.record(tx, now, [change])


def has_calls(tx: Connection, campaign_id: str, state: CallState = CallState.QUEUED) -> bool:
    """Whether any call of the campaign is in ``state``."""
    found = select(_calls.c.id).where(_calls.c.campaign_id == campaign_id, _calls.c.state == state).limit(1)
    return tx.execute(found).first() is not None


def cancelled_with_open_calls(tx: Connection) -> list[str]:
    """Cancelled campaigns of which calls are queued, or active and not yet being ended."""
    of_campaign = _calls.c.campaign_id == _campaigns.c.id
    queued = exists().where(of_campaign, among(_calls.c.state, CallState.QUEUED))
    unended = exists().where(
        of_campaign,
        among(_calls.c.state, CallState.ACTIVE),
        _attempts.c.call_id == _calls.c.id,
        HELD,
        _attempts.c.hung_up_at.is_(None),
        _attempts.c.answered_at.is_(None),
        _attempts.c.prompt_ended_at.is_(None),
    )
    query = select(_campaigns.c.id).where(_campaigns.c.status == _CANCELLED, or_(queued, unended))
    return list(tx.execute(query).scalars())


def page(tx: Connection, limit: int, before: str | None, status: CampaignStatus | None) -> Sequence[Row[Any]]:
    """Campaigns from the newest on: at most ``limit``, made before the one with the id ``before``."""
    query = select(_campaigns).order_by(_campaigns.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_campaigns.c.id < before)
    if status is not None:
        query = query.where(_campaigns.c.status == status)
    return tx.execute(query).all()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a campaign's calls stand: by state, and by the outcome of those that have ended."""

    counts: dict[CallState, int]
    outcomes: dict[Outcome, int]

    @property
    def total(self) -> int:
        """All of its calls."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Calls that have not ended."""
        return sum(self.counts[state] for state in OPEN_CALL_STATES)


def standings(tx: Connection, campaign_ids: Sequence[str]) -> dict[str, Standing]:
    """How each of the campaigns stands; every state and outcome is there, at zero if need be."""
    found = {key: Standing(dict.fromkeys(CallState, 0), dict.fromkeys(Outcome, 0)) for key in campaign_ids}
    query = (
        select(_calls.c.campaign_id, _calls.c.state, _calls.c.outcome, func.count())
        .where(_calls.c.campaign_id.in_(campaign_ids))
        .group_by(_calls.c.campaign_id, _calls.c.state, _calls.c.outcome)
    )
    for campaign_id, state, outcome, number in tx.execute(query) if campaign_ids else ():
        standing = found[campaign_id]
        standing.counts[CallState(state)] += number
        if outcome is not None and state not in OPEN_CALL_STATES:
            standing.outcomes[Outcome(outcome)] += number
    return found


def attempts_made(tx: Connection, campaign_id: str) -> int:
    """All dials for the campaign so far."""
    query = select(func.sum(_calls.c.attempts_made)).where(_calls.c.campaign_id == campaign_id)
    return int(tx.execute(query).scalar() or 0)


def ended_since(tx: Connection, campaign_id: str, since: datetime) -> int:
    """Attempts for the campaign whose channel became free after ``since``.

    Asked trunk by trunk, since that is how recent ones are found without reading all.
    """
    trunks = tx.execute(select(_trunks.c.pbx, _trunks.c.name)).all()
    freed = [
        select(func.count())
        .select_from(_attempts)
        .where(
            _attempts.c.pbx == pbx,
            _attempts.c.trunk == name,
            _attempts.c.freed_at > since,
            _attempts.c.lane == campaign_id,
        )
        for pbx, name in trunks
    ]
    return sum(int(tx.execute(query).scalar_one()) for query in freed)
