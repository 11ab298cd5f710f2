"""The first transaction of a dial: from claimed to dialing, so that nobody else sends the request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, or_, select, update

from dispatcher.dialer.lapsed import LASTS
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.lines import Line
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.pbx.protocol import DialOrder, Message
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.requests import Request, Requests, for_call
from dispatcher.store.tables import Attempt, Call, table

_attempts = table(Attempt)
_before = _attempts.alias("before")
_calls = table(Call)

Lines = Mapping[tuple[str, str], Line]


@dataclass(frozen=True, slots=True)
class Intent:
    """A dial that is committed and about to be sent."""

    attempt_id: str
    pbx: str
    order: DialOrder


# Built once, since they run for every dial.
_START = Prepared(
    update(_attempts)
    .where(
        AnyOf(_attempts.c.id, "ids"),
        _attempts.c.phase == Phase.CLAIMED,
        # A call is claimed only after its attempt before has ended, so an end that this clock has just seen
        # proves a claim to be new, however far apart the clocks of the pacer's machine and this one are.
        or_(
            _attempts.c.claimed_at.between(bindparam("since"), bindparam("until")),
            exists().where(
                _before.c.call_id == _attempts.c.call_id,
                _before.c.ordinal == _attempts.c.ordinal - 1,
                _before.c.freed_at.between(bindparam("since"), bindparam("until")),
            ),
        ),
    )
    .values(
        phase=Phase.DIALING,
        dialed_at=bindparam("new_dialed_at"),
        # Where the call bears our id, reports and questions find it whatever becomes of the request.
        callid=case((AnyOf(_attempts.c.pbx, "own_ids"), _attempts.c.id)),
    )
    .returning(_attempts.c.id)
)
_STARTED = Prepared(
    select(
        _attempts.c.id,
        _attempts.c.call_id,
        _attempts.c.pbx,
        _attempts.c.trunk,
        _attempts.c.ordinal,
        _attempts.c.target_kind,
        _attempts.c.digits_dialled,
        _attempts.c.slot_freed_at,
        _calls.c.alarm_id,
        _calls.c.campaign_id,
        _calls.c.created_at,
        _calls.c.message_kind,
        _calls.c.message_value,
        _calls.c.message_count,
        _calls.c.delivered_when,
    )
    .join(_calls, _calls.c.id == _attempts.c.call_id)
    .where(AnyOf(_attempts.c.id, "ids"))
)


def begin(
    tx: Connection, now: datetime, ids: Sequence[str], lines: Lines, requests: Requests, count: Count
) -> dict[str, Intent]:
    """Commit the intent to dial these attempts; those that are not ``claimed`` any more are left out.

    So are those that were claimed too long ago: see :mod:`dispatcher.dialer.lapsed`. The update is guarded
    by the phase, so that a message that is delivered twice dials once.
    """
    own_ids = sorted({line.pbx for line in lines.values() if line.own_ids})
    started = _START.all(
        tx, ids=ids, new_dialed_at=now, own_ids=own_ids, since=now - LASTS, until=now + LASTS
    )
    rows = _STARTED.all(tx, ids=[row.id for row in started]) if started else []
    known = requests.of(tx, {(row.alarm_id, row.campaign_id) for row in rows})
    intents = {
        row.id: _intent(row, lines, for_call(known[row.alarm_id or row.campaign_id], row)) for row in rows
    }
    events.record(tx, now, [_change(row) for row in rows])
    for row in rows:
        _measure(row, now, count)
    return intents


def _intent(row: Any, lines: Lines, request: Request) -> Intent:
    line = lines.get((row.pbx, row.trunk)) or Line(row.pbx, row.trunk, channels=0)
    target = TargetKind(row.target_kind)
    prefix = line.prefix if target is TargetKind.NUMBER else ""
    message = Message(request.message_kind, request.message_value, request.message_count)
    digits = f"{prefix}{row.digits_dialled}"
    order = DialOrder(target, digits, message, line.extension, row.trunk, row.id)
    return Intent(row.id, row.pbx, order)


def _change(row: Any) -> Change:
    return Change(
        "call",
        row.call_id,
        Phase.DIALING,
        cause=f"attempt {row.ordinal}",
        alarm_id=row.alarm_id,
        campaign_id=row.campaign_id,
        attempt_id=row.id,
    )


def _measure(row: Any, now: datetime, count: Count) -> None:
    if row.slot_freed_at is not None:
        count.observe(catalogue.SLOT_TURNAROUND, (now - row.slot_freed_at).total_seconds())
    if row.alarm_id is not None and row.ordinal == 1:
        count.observe(catalogue.ALARM_TO_DIAL, (now - row.created_at).total_seconds())
