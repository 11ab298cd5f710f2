"""Campaigns whose every call the PBX refuses for how it is set up: they pause, and lose nobody by it.

An IVR number that does not exist would use up a campaign's contacts one by one, as fast as the PBX can
say no. Nobody was called, so those that were refused so far go back into the queue.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, select

from dispatcher.core import Core
from dispatcher.domain.reasons import OF_THE_SET_UP
from dispatcher.domain.vocabulary import CallState, CampaignStatus, Outcome
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.store import calls as calls_store
from dispatcher.store import campaigns, events
from dispatcher.store.attempts import attempts, calls
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.tables import Campaign, Trunk, among, table

_campaigns, _trunks = table(Campaign), table(Trunk)

IN_A_ROW = 3
"""So many refusals in a row, all for how the PBX is set up, are no accident."""

_LOOKED_AT = 500
_BATCH = 500
_REFUSED = (among(calls.c.state, CallState.FAILED), among(calls.c.outcome, Outcome.NOT_PERMITTED))


def pause_misconfigured(core: Core) -> None:
    """Pause running campaigns that the PBX keeps refusing, and put back what it has refused of them."""
    with core.store.read() as tx:
        reasons = {row.id: _why(tx, row) for row in _with_refusals(tx, CampaignStatus.RUNNING)}
    for campaign_id, why in reasons.items():
        if why:
            _pause(core, campaign_id, why)
    with core.store.read() as tx:
        paused = [row.id for row in _with_refusals(tx, CampaignStatus.PAUSED) if row.paused_why]
    for campaign_id in paused:
        while _put_back(core, campaign_id):
            pass


def _with_refusals(tx: Connection, status: CampaignStatus) -> Sequence[Any]:
    """Campaigns of a status of which a call has ended because it was not permitted."""
    refused = exists().where(calls.c.campaign_id == _campaigns.c.id, *_REFUSED)
    columns = select(_campaigns.c.id, _campaigns.c.updated_at, _campaigns.c.paused_why)
    return tx.execute(columns.where(among(_campaigns.c.status, status), refused)).all()


def _why(tx: Connection, campaign: Any) -> str:
    """Why the campaign's last attempts at some PBX were all refused, or an empty string."""
    lines = tx.execute(select(_trunks.c.pbx, _trunks.c.name).order_by(_trunks.c.pbx)).all()
    last: dict[str, list[Any]] = {}
    for line in lines:
        last.setdefault(line.pbx, []).extend(_last_on(tx, line, campaign))
    for pbx, rows in last.items():
        rows.sort(key=lambda row: row.freed_at, reverse=True)
        if len(rows) >= IN_A_ROW and all(row.cause in OF_THE_SET_UP for row in rows[:IN_A_ROW]):
            why = rows[0].cause_text or rows[0].cause.replace("_", " ")
            return f"{pbx} refused {IN_A_ROW} calls in a row, the last with {why}"
    return ""


def _last_on(tx: Connection, line: Any, campaign: Any) -> Sequence[Any]:
    """The campaign's last attempts on a trunk that ended since it was started or resumed."""
    recent = (
        select(attempts.c.lane, attempts.c.freed_at, attempts.c.cause, attempts.c.cause_text)
        .where(
            attempts.c.pbx == line.pbx,
            attempts.c.trunk == line.name,
            attempts.c.freed_at > campaign.updated_at,
        )
        .order_by(attempts.c.freed_at.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    own = select(recent).where(recent.c.lane == campaign.id).order_by(recent.c.freed_at.desc())
    return tx.execute(own.limit(IN_A_ROW)).all()


def _pause(core: Core, campaign_id: str, why: str) -> None:
    with core.store.write() as tx:
        campaigns.move(
            tx,
            core.clock(),
            campaign_id,
            CampaignStatus.PAUSED,
            "paused",
            f"paused by itself: {why}",
            paused_why=why,
        )
    core.after(Aftermath())


def _put_back(core: Core, campaign_id: str) -> bool:
    """Put a batch of the campaign's refused calls back into the queue; False when there were none."""
    last = exists().where(
        attempts.c.call_id == calls.c.id,
        attempts.c.ordinal == calls.c.attempts_made,
        attempts.c.cause.in_(OF_THE_SET_UP),
    )
    refused = select(calls).where(calls.c.campaign_id == campaign_id, *_REFUSED, last).limit(_BATCH)

    def work(tx: Connection) -> bool:
        rows = tx.execute(refused.with_for_update(of=calls)).all()
        now = core.clock()
        calls_store.change(tx, now, [_again(row, now) for row in rows])
        why = "nobody was called: the PBX refused it for how it is set up"
        events.record(
            tx,
            now,
            [Change("call", row.id, CallState.QUEUED, cause=why, campaign_id=campaign_id) for row in rows],
        )
        return bool(rows)

    changed = core.store.transact(work)
    if changed:
        core.after(Aftermath())
    return changed


def _again(row: Any, now: datetime) -> CallChange:
    """Its budget is as it was: what is refused for how the PBX is set up is charged to nobody."""
    return CallChange(
        row.id,
        CallState.FAILED,
        CallState.QUEUED,
        Outcome.NOT_PERMITTED,
        row.attempts_spent,
        row.free_failures,
        now,
    )
