"""Putting what waits for a time into the new time, after the clock was set back.

What was written before the step lies in the future by as much as the clock was set back, and would wait
for so much longer. Times that tell what happened stay as they were written, but those of open calls: a
silence is counted from them, and would be none until the clock has caught up.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, not_, select, update

from dispatcher.domain.vocabulary import CallState, DeliveryState
from dispatcher.store import inquiries
from dispatcher.store.overdue import SIGNS
from dispatcher.store.tables import (
    HELD,
    Alarm,
    AlarmGroup,
    Attempt,
    Call,
    Delivery,
    Doubt,
    Inquiry,
    PbxSession,
    ProcessSign,
    ReportStreamState,
    Trunk,
    among,
    table,
)

_alarms, _calls, _attempts, _trunks = table(Alarm), table(Call), table(Attempt), table(Trunk)
_groups, _deliveries, _inquiries = table(AlarmGroup), table(Delivery), table(Inquiry)
_sessions, _streams, _processes = table(PbxSession), table(ReportStreamState), table(ProcessSign)
_doubts = table(Doubt)

_ASKED = (
    _inquiries.c.wanted_at,
    _inquiries.c.looked_at,
    _inquiries.c.records_at,
    _inquiries.c.not_before,
    _doubts.c.since,
    _doubts.c.next_at,
    _doubts.c.looked_at,
    _doubts.c.shown_at,
    _doubts.c.absent_at,
    _doubts.c.records_at,
)
"""When PBXs were asked for calls, and are to be asked again."""

SINCE_THE_STEP = timedelta(seconds=60)
"""What was written so short a time ago by the new clock is the new time's already."""


def put_back(tx: Connection, now: datetime, back: timedelta, pbxes: Collection[str]) -> None:
    """Put everything that waits ``back`` into the time that it is ``now``.

    Of every PBX it is demanded that its open calls are asked for, since silences are counted by the clock.
    """
    _put_calls_back(tx, now)
    old = [not_(_alarms.c.updated_at.between(now - SINCE_THE_STEP, now))]
    _shift(tx, _alarms.c.next_at, [_alarms.c.id], now, back, *old)
    _shift(tx, _groups.c.next_at, [_groups.c.key], now, back)
    waiting = [among(_deliveries.c.state, DeliveryState.WAITING)]
    _shift(tx, _deliveries.c.next_at, [_deliveries.c.id], now, back, *waiting)
    _shift(tx, _sessions.c.retry_at, [_sessions.c.pbx], now, back)
    _shift(tx, _streams.c.retry_at, [_streams.c.pbx], now, back)
    _shift(tx, _trunks.c.blocked_until, [_trunks.c.pbx, _trunks.c.name], now, back)
    _never_later(tx, _trunks.c.next_slot_at, now)
    _never_later(tx, _trunks.c.checked_at, now)
    _never_later(tx, _trunks.c.last_claim_at, now)
    _never_later(tx, _sessions.c.refreshed_at, now)
    _never_later(tx, _sessions.c.lease_until, now)
    # Of the dead; those that live have signed by the new clock, or do so at once.
    _never_later(tx, _processes.c.seen_at, now)
    for sign in (*SIGNS, _attempts.c.hung_up_at):
        _never_later(tx, sign, now, HELD)
    for asked in _ASKED:
        _never_later(tx, asked, now)
    for pbx in sorted(pbxes):
        inquiries.demand(tx, pbx, now, "the clock was set back")


def _put_calls_back(tx: Connection, now: datetime) -> None:
    """Calls that were planned in the time that is yet to come, each after the delay that it had then.

    Whether they may be placed by then, calling windows and limits included, the pacer sees when they are due.
    """
    planned = (
        among(_calls.c.state, CallState.QUEUED),
        _calls.c.due_at > now,
        _calls.c.updated_at > now,
    )
    tx.execute(update(_calls).where(*planned, _calls.c.attempts_made == 0).values(due_at=now))
    rows = tx.execute(select(_calls.c.id, _calls.c.due_at, _calls.c.updated_at).where(*planned)).all()
    _write(
        tx,
        _calls.c.due_at,
        [_calls.c.id],
        [(row.id, now + max(row.due_at - row.updated_at, timedelta(0))) for row in rows],
    )


def _shift(
    tx: Connection,
    column: ColumnElement[Any],
    keys: list[Any],
    now: datetime,
    back: timedelta,
    *conditions: ColumnElement[bool],
) -> None:
    """Bring times that lie ahead nearer, by as much as the clock was set back."""
    rows = tx.execute(select(*keys, column).where(column > now, *conditions)).all()
    _write(tx, column, keys, [(*row[:-1], max(now, row[-1] - back)) for row in rows])


def _write(tx: Connection, column: Any, keys: list[Any], rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    names = [f"key_{key.name}" for key in keys]
    of_row = [key == bindparam(name) for key, name in zip(keys, names, strict=True)]
    statement = update(column.table).where(*of_row).values({column.name: bindparam("new_time")})
    tx.execute(statement, [dict(zip([*names, "new_time"], row, strict=True)) for row in rows])


def _never_later(tx: Connection, column: Any, now: datetime, *conditions: ColumnElement[bool]) -> None:
    tx.execute(update(column.table).where(column > now, *conditions).values({column.name: now}))
