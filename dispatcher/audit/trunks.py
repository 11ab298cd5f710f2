"""Trunks: that they carry no more than they may, and all that they could."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, func, or_, select

from dispatcher.audit import queues
from dispatcher.audit.invariant import MOST, Invariant
from dispatcher.core import Core
from dispatcher.domain.pacing import TrunkLoad, startable
from dispatcher.domain.vocabulary import CallState
from dispatcher.domain.windows import next_opening
from dispatcher.domain.zones import opening
from dispatcher.store import trunks
from dispatcher.store.campaigns import windows_from
from dispatcher.store.tables import HELD, Attempt, Call, Event, PbxSession, among, table

_attempts, _calls, _events, _sessions = table(Attempt), table(Call), table(Event), table(PbxSession)

LATE = timedelta(seconds=60)
"""A call that is due for so long, while a channel is free, has been forgotten."""

IDLE = timedelta(seconds=30)
"""A trunk that has given out a channel within this time is being paced; whose turn it is is its affair."""

RECIPIENT = "recipient"


def _not_dialled(core: Core, tx: Connection) -> Sequence[str]:
    """Calls that have been due for long, although a trunk that may carry them has had room all the while."""
    now = core.clock()
    away = set(tx.execute(select(_sessions.c.pbx).where(_sessions.c.problem != "")).scalars())
    usable = [
        (row, load)
        for row, load in trunks.loads(tx, now)
        if row.pbx not in away and _is_usable(core, row, load)
    ]
    if not usable:
        return []
    running = queues.running_campaigns(tx, now)
    found: dict[str, None] = {}
    for row, load in usable:
        may_take = _taken_by(row)
        late = queues.of_alarms(tx, now - LATE, *may_take)
        if load.free > max(0, load.reserved - load.alarms):
            for campaign in running:
                if _may_use(tx, now, campaign, row):
                    waiting = queues.of_campaign(tx, now - LATE, campaign.id, *may_take)
                    late += [call for call in waiting if _may_be_rung(campaign, call, now)]
        found |= {call.id: None for call in late if call.expires_at is None or call.expires_at > now}
    return list(found)[:MOST]


def _is_usable(core: Core, row: Any, load: TrunkLoad) -> bool:
    now = core.clock()
    is_internal = row.name == trunks.INTERNAL
    configured = {pbx.name for pbx in core.settings.pbx} if is_internal else core.ledger.trunks
    if (row.pbx if is_internal else (row.pbx, row.name)) not in configured:
        return False
    if startable(load, now) == 0:
        return False
    return row.last_claim_at is None or bool(row.last_claim_at < now - IDLE)


def _taken_by(row: Any) -> tuple[ColumnElement[bool], ...]:
    of_kind = _calls.c.number.is_(None) if row.name == trunks.INTERNAL else _calls.c.number.is_not(None)
    return of_kind, or_(_calls.c.pbx.is_(None), _calls.c.pbx == row.pbx)


def _may_use(tx: Connection, now: datetime, campaign: Any, row: Any) -> bool:
    if campaign.trunks and row.name != trunks.INTERNAL and f"{row.pbx}/{row.name}" not in campaign.trunks:
        return False
    windows = windows_from(campaign.windows) if campaign.timezone != RECIPIENT else []
    if windows and next_opening(windows, ZoneInfo(campaign.timezone or "UTC"), now) > now:
        return False
    if campaign.max_concurrent is None:
        return True
    active = select(func.count()).where(
        _calls.c.campaign_id == campaign.id, among(_calls.c.state, CallState.ACTIVE)
    )
    return bool(tx.execute(active).scalar_one() < campaign.max_concurrent)


def _may_be_rung(campaign: Any, call: Any, now: datetime) -> bool:
    windows = windows_from(campaign.windows)
    if not windows or campaign.timezone != RECIPIENT:
        return True
    try:
        return opening(windows, call.timezone, now) <= now
    except (ValueError, KeyError):
        return False


def _over_limit(core: Core, tx: Connection) -> Sequence[str]:
    """Trunks on which we hold more than their limit, unless that has been changed since."""
    found = []
    for row, load in trunks.loads(tx, core.clock()):
        if load.alarms + load.campaigns <= load.channels:
            continue
        name = f"{row.pbx}/{row.name}"
        first = select(func.min(_attempts.c.claimed_at)).where(
            HELD, _attempts.c.pbx == row.pbx, _attempts.c.trunk == row.name
        )
        changed = select(_events.c.id).where(
            _events.c.subject_id == name,
            _events.c.subject == "trunk",
            _events.c.at >= first.scalar_subquery(),
        )
        if tx.execute(changed.limit(1)).first() is None:
            found.append(name)
    return found[:MOST]


TRUNKS = (
    Invariant(
        "due_call_not_dialled",
        "a call has been due for over a minute, although a trunk that may carry it has free channels",
        "Look whether a pacer runs, and at its log; the call's `waiting_for` says what it waits for",
        _not_dialled,
    ),
    Invariant(
        "trunk_over_limit",
        "more of our calls are on a trunk than its limit allows",
        "Look at the PBX's outbound routes: calls may take another trunk than the one they were placed on. "
        "Right after a limit was lowered in the configuration it passes by itself",
        _over_limit,
    ),
)
