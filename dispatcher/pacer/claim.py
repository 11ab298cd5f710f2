"""Claiming calls for a trunk's free channels, in one transaction under the trunk's lock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update

from dispatcher.domain.pacing import ALARMS, Lane, Plan, plan, startable, waits_for_reports
from dispatcher.domain.vocabulary import CallState, Phase, TargetKind
from dispatcher.lines import Line
from dispatcher.pacer.gathering import gather
from dispatcher.pacer.hunt import Hunt
from dispatcher.pacer.lanes import Candidates, alarm_candidates, campaign_candidates
from dispatcher.pacer.wanting import WHATEVER, Wanted
from dispatcher.store import events, streams, trunks
from dispatcher.store.bulk import BulkInsert
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Attempt, Call, table

_attempts = table(Attempt)
_calls = table(Call)

_MAKE = BulkInsert(
    _attempts,
    "id",
    "call_id",
    "ordinal",
    "pbx",
    "trunk",
    "target_kind",
    "digits_dialled",
    "lane",
    "supervised",
    "phase",
    "channel_held",
    "claimed_at",
    "slot_freed_at",
    "cause_text",
    "recording",
    "leg",
    "taken_trunk",
    "seen",
)
_ACTIVATE = Prepared(
    update(_calls)
    .where(AnyOf(_calls.c.id, "ids"))
    .values(
        state=CallState.ACTIVE,
        attempts_made=_calls.c.attempts_made + 1,
        updated_at=bindparam("new_updated_at"),
    )
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim gave out, and when to look again."""

    alarms: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    merged: int = 0
    """Calls of alarms that are over, since another one tells what they would have told."""
    plan: Plan = field(default_factory=Plan)
    wake_at: datetime | None = None

    @property
    def total(self) -> int:
        """How many attempts were made."""
        return len(self.alarms) + len(self.campaigns)


LEFT_TO_OTHERS = timedelta(milliseconds=20)
"""A call that was left to a trunk before this one is looked for again so soon, in case it was not taken."""


def claim(
    tx: Connection,
    now: datetime,
    line: Line,
    lines: Sequence[Line] = (),
    began: datetime = streams.LONG_AGO,
    wanted: Wanted = WHATEVER,
) -> Claimed:
    """Make an attempt, holding its channel, for every call that may start on ``line`` now.

    ``lines`` are all that calls may go out on, for the hunt order; ``began`` is when this process
    began, before which it waited for nothing; ``wanted`` is what was found to be due. Nothing is sent
    from here: the attempts are committed first, and then a message wakes a worker.
    """
    counted = trunks.lock(tx, now, line.pbx, line.trunk)
    if counted is None:
        return Claimed()
    if line.reports_are_fetched:
        unread = streams.unread(tx, now, began)
        counted = replace(counted, load=streams.noted(counted.load, line.pbx, unread))
    free = startable(counted.load, now)
    if free == 0:
        shut = plan(counted.load, [Lane(ALARMS, due=1)], now)
        return Claimed(plan=shut, wake_at=shut.wake_at)
    hunt = Hunt(tx, now, line, lines, counted, began)
    queues = [alarm_candidates(tx, now, line, free, hunt)]
    if wanted.campaigns and not waits_for_reports(counted.load, now, is_alarm=False):
        queues += campaign_candidates(tx, now, line, free, counted.held_by_lane, counted.here_by_lane, hunt)
    lanes = [_lane(queue, counted.here_by_lane) for queue in queues]
    planned = plan(counted.load, lanes, now)
    taken = [(queue, queue.rows[: planned.grants.get(queue.lane, 0)]) for queue in queues]
    starts = [(queue, row) for queue, rows in taken for row in rows]
    if starts:
        merged = gather(tx, now, [row for queue, row in starts if queue.lane == ALARMS])
        freed = trunks.freed_since(tx, line.pbx, line.trunk, counted.last_claim_at, len(starts))
        made = _make_attempts(tx, now, line, starts, freed)
        trunks.note_claim(tx, now, line.pbx, line.trunk, planned.next_slot_at)
    else:
        made, merged = [], 0
    return Claimed(
        alarms=[attempt_id for attempt_id, lane in made if lane == ALARMS],
        campaigns=[attempt_id for attempt_id, lane in made if lane != ALARMS],
        merged=merged,
        plan=planned,
        wake_at=_earliest(
            [
                planned.wake_at,
                now + LEFT_TO_OTHERS if hunt.has_left else None,
                # No more calls are looked for than the rate allows now: there may be others behind them.
                planned.next_slot_at if len(starts) == free < counted.load.free else None,
                *(queue.opens_at for queue in queues),
            ]
        ),
    )


def _lane(queue: Candidates, here: dict[str, int]) -> Lane:
    return Lane(
        queue.lane,
        due=len(queue.rows),
        priority=queue.priority,
        weight=queue.weight,
        active=here.get(queue.lane, 0),
        room=queue.room,
    )


def _make_attempts(
    tx: Connection,
    now: datetime,
    line: Line,
    starts: Sequence[tuple[Candidates, Any]],
    freed: Sequence[datetime],
) -> list[tuple[str, str]]:
    rows, changes = [], []
    for place, (queue, call) in enumerate(starts):
        attempt_id = new_id()
        freed_at = freed[place] if place < len(freed) else None
        kind, value = _target(call)
        rows.append(
            {
                "id": attempt_id,
                "call_id": call.id,
                "ordinal": call.attempts_made + 1,
                "pbx": line.pbx,
                "trunk": line.trunk,
                "target_kind": kind,
                "digits_dialled": line.digits(value) if kind is TargetKind.NUMBER else value,
                "lane": queue.lane,
                "supervised": line.answer_supervision,
                "phase": Phase.CLAIMED,
                "channel_held": True,
                "claimed_at": now,
                "slot_freed_at": freed_at if freed_at and call.due_at <= freed_at else None,
                "cause_text": "",
                "recording": "",
                "leg": "",
                "taken_trunk": "",
                "seen": "",
            }
        )
        place_name = f"{line.pbx}/{line.trunk}" if line.trunk else line.pbx
        changes.append(
            Change(
                "call",
                call.id,
                CallState.ACTIVE,
                cause=f"attempt {call.attempts_made + 1} on {place_name}",
                alarm_id=call.alarm_id,
                campaign_id=call.campaign_id,
                attempt_id=attempt_id,
            )
        )
    _ACTIVATE.run(tx, ids=[call.id for _, call in starts], new_updated_at=now)
    _MAKE.run(tx, rows)
    events.record(tx, now, changes)
    return [(str(row["id"]), str(row["lane"])) for row in rows]


def _target(call: Any) -> tuple[TargetKind, str]:
    """What a call dials; every call has exactly one target."""
    if call.number is not None:
        return TargetKind.NUMBER, call.number
    if call.extension is not None:
        return TargetKind.EXTENSION, call.extension
    return TargetKind.USER, call.pbx_user


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)
