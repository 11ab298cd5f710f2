"""Calls that could have been dialled long ago, and were not. Found without asking the pacer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from dispatcher.audit import queues
from dispatcher.audit.invariant import MOST
from dispatcher.core import Core
from dispatcher.domain.pacing import TrunkLoad, startable
from dispatcher.domain.vocabulary import CallState, DeliveredWhen, MessageKind, TargetKind
from dispatcher.domain.windows import next_opening
from dispatcher.domain.zones import opening
from dispatcher.pbx.protocol import Capabilities
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.store import streams, trunks
from dispatcher.store.campaigns import windows_from
from dispatcher.store.phones import LONGEST_TELLING
from dispatcher.store.tables import HELD, Alarm, Attempt, Call, PbxSession, among, table

_alarms, _attempts, _calls, _sessions = table(Alarm), table(Attempt), table(Call), table(PbxSession)

LATE = timedelta(seconds=60)
"""A call that is due for so long, while a channel is free, has been forgotten."""

IDLE = timedelta(seconds=30)
"""A trunk that has given out a channel within this time is being paced; whose turn it is is its affair."""

RECIPIENT = "recipient"

# A user's own phone rings for one call at a time.
HAS_FREE_PHONE = or_(
    _calls.c.pbx_user.is_(None),
    ~exists().where(
        HELD,
        _attempts.c.pbx == _calls.c.pbx,
        _attempts.c.target_kind == TargetKind.USER,
        _attempts.c.digits_dialled == _calls.c.pbx_user,
    ),
)


def hears_no_other(now: datetime) -> ColumnElement[bool]:
    """Nobody is called for two alarms at the same time."""
    other = _calls.alias("other")
    told = (
        select(other.c.id)
        .join(_attempts, _attempts.c.call_id == other.c.id)
        .where(other.c.callee == _calls.c.callee, other.c.id != _calls.c.id)
        .where(HELD, _attempts.c.claimed_at > now - LONGEST_TELLING)
    )
    return or_(_calls.c.callee.is_(None), ~exists(told))


def forgotten(core: Core, tx: Connection) -> Sequence[str]:
    """Calls that are due for long, although a trunk that may carry them has room and gives out nothing."""
    now = core.clock()
    families = {pbx.name: CAPABILITIES[pbx.family] for pbx in core.settings.pbx}
    away = set(tx.execute(select(_sessions.c.pbx).where(_sessions.c.problem != "")).scalars())
    unread = streams.unread(tx, now)
    usable = [
        (row, load)
        for row, load in ((row, streams.noted(load, row.pbx, unread)) for row, load in trunks.loads(tx, now))
        if row.pbx in families and row.pbx not in away and _is_usable(core, row, load)
    ]
    running = queues.running_campaigns(tx, now) if usable else []
    found: dict[str, None] = {}
    for row, load in usable:
        late = _of_alarms(tx, now, row, families[row.pbx])
        if load.for_campaigns:
            for campaign in running:
                late += _of_campaign(tx, now, row, families[row.pbx], campaign)
        found |= {call.id: None for call in late if call.expires_at is None or call.expires_at > now}
    return list(found)[:MOST]


def _is_usable(core: Core, row: Any, load: TrunkLoad) -> bool:
    now = core.clock()
    if row.name != trunks.INTERNAL and (row.pbx, row.name) not in core.ledger.trunks:
        return False
    if startable(load, now) == 0:
        return False
    return row.last_claim_at is None or bool(row.last_claim_at < now - IDLE)


def _taken_by(row: Any) -> tuple[ColumnElement[bool], ...]:
    is_internal = row.name == trunks.INTERNAL
    of_kind = (_calls.c.number.is_(None), HAS_FREE_PHONE) if is_internal else (_calls.c.number.is_not(None),)
    return *of_kind, or_(_calls.c.pbx.is_(None), _calls.c.pbx == row.pbx)


def _can_place(abilities: Capabilities, asked: Any, row: Any) -> bool:
    """Whether a trunk's PBX can play this message to an outside number, and prove what is asked of it.

    A call to an extension or a user names its PBX, which was found able to when it was taken in.
    """
    if row.name == trunks.INTERNAL:
        return True
    target = TargetKind.NUMBER
    return (
        (MessageKind(asked.message_kind), target) in abilities.placeable
        and (DeliveredWhen(asked.delivered_when), target) in abilities.provable
        and (asked.message_count == 1 or abilities.prompt_count)
    )


def _of_alarms(tx: Connection, now: datetime, row: Any, abilities: Capabilities) -> list[Any]:
    late = queues.of_alarms(tx, now - LATE, *_taken_by(row), hears_no_other(now))
    if not late:
        return []
    asked = tx.execute(select(_alarms).where(_alarms.c.id.in_({call.alarm_id for call in late}))).all()
    able = {alarm.id for alarm in asked if _can_place(abilities, alarm, row)}
    return [call for call in late if call.alarm_id in able]


def _of_campaign(
    tx: Connection, now: datetime, row: Any, abilities: Capabilities, campaign: Any
) -> list[Any]:
    if not _can_place(abilities, campaign, row) or not _may_use(tx, now, campaign, row):
        return []
    late = queues.of_campaign(tx, now - LATE, campaign.id, *_taken_by(row))
    return [call for call in late if _may_be_rung(campaign, call, now)]


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
