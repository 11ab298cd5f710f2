"""Reading calls with all that is shown of them. What each waits for is worked out here, once a list."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from dispatcher.api.views import CallView, EventView, WithdrawnView, call_members, event_view
from dispatcher.core import Core
from dispatcher.domain.doubt import Step
from dispatcher.domain.vocabulary import (
    LIVE_PHASES,
    OPEN_CALL_STATES,
    CallState,
    CampaignStatus,
    Outcome,
)
from dispatcher.domain.waiting import Asked, Dialled, Standing, Wanted, waiting_for
from dispatcher.domain.windows import Window
from dispatcher.domain.zones import next_opening_everywhere, zones_from
from dispatcher.lines import Line
from dispatcher.pacer.limits import waiting_for_phones
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.store import doubts, streams, trunks
from dispatcher.store.campaigns import windows_from
from dispatcher.store.pages import GOES_ON, Left, left_to_others, pages
from dispatcher.store.phones import USER_IS_FREE
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.requests import Request, for_call
from dispatcher.store.tables import Attempt, Call, Campaign, Event, among, table

_attempts = table(Attempt)
_calls = table(Call)
_campaigns = table(Campaign)
_events = table(Event)

RECIPIENT = "recipient"

# Compiled once: that takes longer than running them, and these run for every alarm.
_ATTEMPTS = (
    select(_attempts)
    .where(_attempts.c.call_id.in_(bindparam("call_ids", expanding=True)))
    .order_by(_attempts.c.ordinal)
)
_USER_NOT_FREE = Prepared(select(_calls.c.id).where(AnyOf(_calls.c.id, "call_ids"), ~USER_IS_FREE))
_OF_ALARM = Prepared(select(_events).where(_events.c.alarm_id == bindparam("of")).order_by(_events.c.id))
_OF_ITS_CALLS = Prepared(
    select(_events)
    .join(pages, pages.c.call_id == _events.c.subject_id)
    .where(
        pages.c.alarm_id == bindparam("of"),
        _events.c.subject == "call",
        _events.c.alarm_id != bindparam("of"),
        _events.c.at >= pages.c.called_at,
    )
    .order_by(_events.c.id)
)
"""What happened in calls that were made for another alarm, and tell of this one too."""
_LEFT = Prepared(
    select(pages.c.call_id, pages.c.ended_at, GOES_ON.label("goes_on")).where(
        pages.c.alarm_id == bindparam("of"), pages.c.call_id.is_not(None), pages.c.ended_at.is_not(None)
    )
)
"""The calls that this alarm has left, and whether they went on for others."""
_CALLS_OF_ALARM = Prepared(
    select(_calls, pages.c.called_at, pages.c.ended_at.label("left_at"))
    .join(pages, pages.c.call_id == _calls.c.id)
    .where(pages.c.alarm_id == bindparam("of"))
    .order_by(pages.c.round, pages.c.step, pages.c.line, pages.c.position, _calls.c.id)
)
_CLAIMED = Prepared(
    select(_attempts.c.id, _attempts.c.claimed_at).where(AnyOf(_attempts.c.call_id, "call_ids"))
)
_OF_CALL = Prepared(
    select(_events)
    .where(_events.c.subject_id == bindparam("of"), _events.c.subject == "call")
    .order_by(_events.c.id)
)


def call_views(core: Core, tx: Connection, rows: Sequence[Any]) -> list[CallView]:
    """Calls' rows as they are shown, with their attempts and what they wait for."""
    attempts = _attempts_of(tx, rows)
    surroundings = _surroundings(core, tx, rows, attempts)
    return [
        CallView(**call_members(row, attempts[row.id], surroundings.waiting_for(row, attempts[row.id])))
        for row in rows
    ]


def told_of_alarm(core: Core, tx: Connection, alarm_id: str) -> tuple[list[CallView], list[EventView]]:
    """The calls that tell of an alarm, each as far as it does, and the alarm's timeline."""
    rows = _CALLS_OF_ALARM.all(tx, of=alarm_id)
    timeline = timeline_of_alarm(
        tx,
        alarm_id,
        has_left=any(row.left_at is not None for row in rows),
        is_joined=any(row.alarm_id != alarm_id for row in rows),
    )
    return _as_far_as_told(core, tx, alarm_id, rows), timeline


def calls_of_alarm(core: Core, tx: Connection, alarm_id: str) -> list[CallView]:
    """The calls that tell of an alarm, each as far as it does."""
    return _as_far_as_told(core, tx, alarm_id, _CALLS_OF_ALARM.all(tx, of=alarm_id))


def _as_far_as_told(core: Core, tx: Connection, alarm_id: str, rows: Sequence[Any]) -> list[CallView]:
    """A call made for another alarm shows what it did since this one joined it.

    One that has gone on for others since this one left it shows what it did until then, and counts as
    withdrawn.
    """
    left = left_to_others(tx, alarm_id) if any(row.left_at is not None for row in rows) else {}
    attempts = _attempts_of(tx, rows)
    for row in rows:
        if row.alarm_id != alarm_id and row.called_at is not None:
            attempts[row.id] = [one for one in attempts[row.id] if one.claimed_at >= row.called_at]
        if row.id in left:
            attempts[row.id] = [one for one in attempts[row.id] if one.claimed_at <= left[row.id].at]
    surroundings = _surroundings(core, tx, rows, attempts)
    views = []
    for row in rows:
        own = left.get(row.id)
        waits = surroundings.waiting_for(row, attempts[row.id]) if own is None else None
        members = call_members(row, attempts[row.id], waits)
        views.append(CallView(**members | (_withdrawn(own) if own is not None else {})))
    return views


def _withdrawn(left: Left) -> dict[str, Any]:
    """What differs where an alarm has left a call that goes on for others."""
    shown = WithdrawnView(at=left.at, why=left.why, goes_on_for=left.others)
    return {"state": CallState.CANCELLED, "outcome": Outcome.CANCELLED, "withdrawn": shown}


def timeline_of_alarm(
    tx: Connection, alarm_id: str, *, has_left: bool = True, is_joined: bool = True
) -> list[EventView]:
    """Every change of an alarm and of the calls that tell of it, in order.

    A call goes on for others that tells of them too; what happens in it from then on is theirs alone.
    Where the alarm has left no call, or is told of by its own calls only, that need not be looked for.
    """
    left = {row.call_id: row for row in _LEFT.all(tx, of=alarm_id)} if has_left else {}
    claimed = {row.id: row.claimed_at for row in _CLAIMED.all(tx, call_ids=list(left))} if left else {}

    def is_told(row: Any) -> bool:
        page = left.get(row.subject_id)
        if page is None or row.at <= page.ended_at:
            return True
        began = claimed.get(row.attempt_id)
        return began is not None and bool(began <= page.ended_at)

    own = [
        row
        for row in _OF_ALARM.all(tx, of=alarm_id)
        if row.subject_id not in left or not left[row.subject_id].goes_on or is_told(row)
    ]
    of_its_calls = _OF_ITS_CALLS.all(tx, of=alarm_id) if is_joined else ()
    shared = [row for row in of_its_calls if row.name != "joined" and is_told(row)]
    return [event_view(row) for row in sorted([*own, *shared], key=lambda row: row.id)]


def timeline_of_call(tx: Connection, call_id: str) -> list[EventView]:
    """Every change of a call, in order."""
    return [event_view(row) for row in _OF_CALL.all(tx, of=call_id)]


def _attempts_of(tx: Connection, rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {row.id: [] for row in rows}
    tried = [row.id for row in rows if row.attempts_made]
    for attempt in tx.execute(_ATTEMPTS, {"call_ids": tried}) if tried else ():
        found[attempt.call_id].append(attempt)
    return found


@dataclass(frozen=True, slots=True)
class _CampaignNow:
    row: Any
    windows: Sequence[Window]
    active: int
    known: dict[str, datetime | None] = field(default_factory=dict)

    def opens_at(self, zones: str, now: datetime) -> datetime | None:
        """When the windows open in all of ``zones``, None while they are open; the same for a whole list."""
        if zones not in self.known:
            at = next_opening_everywhere(self.windows, zones_from(zones), now)
            self.known[zones] = at if at > now else None
        return self.known[zones]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What calls may wait for, as it is at ``now``."""

    now: datetime
    requests: dict[str, Request]
    campaigns: dict[str, _CampaignNow]
    trunks: Sequence[Standing]
    asked: dict[str, Asked]
    busy: frozenset[str]
    """Queued calls whose phone may not ring now."""
    pbxs: dict[str, Line]
    """What each PBX can place and prove."""
    limited: dict[str, datetime]

    def waiting_for(self, call: Any, attempts: Sequence[Any]) -> str | None:
        """What one call waits for."""
        state = CallState(call.state)
        if state not in OPEN_CALL_STATES:
            return None
        campaign = self.campaigns.get(call.campaign_id or "")
        return waiting_for(
            state,
            now=self.now,
            due_at=call.due_at,
            last_outcome=Outcome(call.outcome) if call.outcome else None,
            campaign=self._wanted(campaign, call) if campaign else None,
            trunks=[trunk for trunk in self.trunks if self._may_carry(trunk, call, campaign)],
            attempt=self._dialled(call, attempts),
            is_phone_busy=call.id in self.busy,
            limited_until=self.limited.get(call.id),
        )

    def _wanted(self, campaign: _CampaignNow, call: Any) -> Wanted:
        row = campaign.row
        zones = (call.timezone if row.timezone == RECIPIENT else row.timezone) or "UTC"
        opens_at = campaign.opens_at(zones, self.now)
        status = CampaignStatus(row.status)
        return Wanted(status, opens_at, row.max_concurrent, campaign.active, row.paused_why)

    def _may_carry(self, trunk: Standing, call: Any, campaign: _CampaignNow | None) -> bool:
        """Whether the pacer may put the call on this trunk."""
        if call.pbx not in (None, trunk.pbx) or (call.number is None) != (trunk.name == trunks.INTERNAL):
            return False
        if trunk.name == trunks.INTERNAL:
            return True
        chosen = campaign.row.trunks if campaign else None
        return (not chosen or f"{trunk.pbx}/{trunk.name}" in chosen) and self._can_place(trunk.pbx, call)

    def _can_place(self, pbx: str, call: Any) -> bool:
        """Whether a PBX can place the call. For an alarm one of them can, so it matters if they differ."""
        if call.alarm_id is not None and len({line.abilities for line in self.pbxs.values()}) == 1:
            return True
        asked = self._request(call)
        line = self.pbxs.get(pbx)
        return line is None or line.places(asked.message_kind, asked.message_count, asked.delivered_when)

    def _request(self, call: Any) -> Request:
        return for_call(self.requests[call.alarm_id or call.campaign_id], call)

    def _dialled(self, call: Any, attempts: Sequence[Any]) -> Dialled | None:
        live = [attempt for attempt in attempts if attempt.phase in LIVE_PHASES]
        if not live:
            return None
        attempt, request = live[-1], self._request(call)
        return Dialled(
            attempt.phase,
            attempt.pbx,
            request.delivered_when,
            request.ack_digits,
            attempt.dialed_at,
            attempt.ringing_at,
            attempt.answered_at,
            attempt.cause_text,
            self.asked.get(attempt.id),
        )


def _surroundings(
    core: Core, tx: Connection, rows: Sequence[Any], attempts: dict[str, list[Any]]
) -> _Surroundings:
    open_rows = [row for row in rows if row.state in OPEN_CALL_STATES]
    active = [row for row in open_rows if row.state == CallState.ACTIVE]
    queued = [row for row in open_rows if row.state == CallState.QUEUED]
    now, pbxs = core.clock(), _abilities(core)
    # Of an alarm's call that waits it matters only where a PBX can't place what another can.
    differ = len({line.abilities for line in pbxs.values()}) > 1
    asked_of = [row for row in open_rows if differ or row.campaign_id or row.state == CallState.ACTIVE]
    held, limited = waiting_for_phones(tx, now, [row for row in queued if row.callee])
    return _Surroundings(
        now=now,
        requests=core.ledger.requests.of(tx, {(row.alarm_id, row.campaign_id) for row in asked_of}),
        campaigns=_campaigns_now(tx, {row.campaign_id for row in open_rows if row.campaign_id}),
        trunks=_standings(core, tx) if queued else (),
        asked=_asked(tx, [attempt for row in active for attempt in attempts[row.id]]),
        busy=held | _users_not_free(tx, [row.id for row in queued if row.pbx_user]),
        pbxs=pbxs,
        limited=limited,
    )


def _standings(core: Core, tx: Connection) -> list[Standing]:
    now = core.clock()
    are_fetched = any(pbx.reports_are_fetched for pbx in core.settings.pbx)
    unread = streams.unread(tx, now, core.began) if are_fetched else {}
    return [
        Standing(row.pbx, row.name, streams.noted(load, row.pbx, unread), row.blocked_why)
        for row, load in trunks.loads(tx, now)
    ]


def _users_not_free(tx: Connection, call_ids: Sequence[str]) -> frozenset[str]:
    """Those of these queued calls to users whose own phone is in another call, as the pacer sees it."""
    return frozenset(row.id for row in _USER_NOT_FREE.all(tx, call_ids=call_ids)) if call_ids else frozenset()


def _abilities(core: Core) -> dict[str, Line]:
    """For each PBX a line that knows what it can place to outside numbers; the pacer asks no other."""
    return {
        pbx.name: Line(pbx.name, "", channels=0, abilities=CAPABILITIES[pbx.family])
        for pbx in core.settings.pbx
        if pbx.trunk
    }


def _asked(tx: Connection, attempts: Sequence[Any]) -> dict[str, Asked]:
    """What the PBXs are asked about those of these attempts that are in question."""
    live = [attempt.id for attempt in attempts if attempt.phase in LIVE_PHASES]
    return {
        key: Asked(row.why, Step(row.next_step), row.next_at) for key, row in doubts.told(tx, live).items()
    }


def _campaigns_now(tx: Connection, ids: set[str]) -> dict[str, _CampaignNow]:
    if not ids:
        return {}
    found = {}
    for row in tx.execute(select(_campaigns).where(_campaigns.c.id.in_(ids))).all():
        active = 0
        if row.max_concurrent is not None:
            of_campaign = _calls.c.campaign_id == row.id, among(_calls.c.state, CallState.ACTIVE)
            active = tx.execute(select(func.count()).select_from(_calls).where(*of_campaign)).scalar_one()
        found[row.id] = _CampaignNow(row, windows_from(row.windows), active)
    return found
