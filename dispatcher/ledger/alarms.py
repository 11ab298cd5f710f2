"""An alarm's way to its end, and what becomes of its calls then."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, false, or_, select, update

from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    PageState,
)
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.metrics.counting import Count
from dispatcher.store import events, pages
from dispatcher.store.events import Change
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Alarm, Call, Page, among, table

_alarms = table(Alarm)
_calls = table(Call)


# Compiled once, since they run at every end of an alarm's call.
def _look_again(*conditions: ColumnElement[bool]) -> Prepared:
    these = update(_alarms).where(AnyOf(_alarms.c.id, "ids"), *conditions)
    return Prepared(these.values(next_at=bindparam("new_next_at")).returning(_alarms.c.id))


_LOOK_AGAIN = _look_again(among(_alarms.c.status, AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED))
_LOOK_AT_KEYS = _look_again(
    or_(*(_alarms.c.plan[name].as_string().is_not(None) for name in ("keys", "keys_before")))
)
_STANDING = Prepared(
    select(
        _alarms.c.status,
        _alarms.c.next_at,
        _alarms.c.plan,
        _alarms.c.round,
        _alarms.c.delivered_when,
        _alarms.c.expires_at,
    )
    .where(_alarms.c.id == bindparam("of_alarm"))
    .with_for_update()
)
_pages = table(Page)

_ALL_EXPIRED = "every call expired"
_TIME_OVER = "its time is over"
_NONE_DELIVERED = "every call ended and none was delivered"
_NOT_IN_HAND = "every call ended and nobody has taken it in hand"


def acknowledge(
    tx: Connection, now: datetime, alarm_id: str, count: Count, *, by: str, cause: str
) -> Aftermath:
    """Mark an open alarm acknowledged and withdraw its calls that nobody has answered yet."""
    values = {"acknowledged_at": now, "acknowledged_by": by, "next_at": _reminder(tx, now, alarm_id)}
    if not close(tx, now, alarm_id, AlarmStatus.ACKNOWLEDGED, cause, values):
        return Aftermath()
    return withdraw_alarm(tx, now, alarm_id, count, f"the alarm was acknowledged: {cause}")


def _reminder(tx: Connection, now: datetime, alarm_id: str) -> datetime | None:
    """When the alarm pages again if nobody resolves it; None when its plan does not ask for that."""
    plan = tx.execute(select(_alarms.c.plan).where(_alarms.c.id == alarm_id)).scalar()
    after = (plan or {}).get("remind_after")
    return None if after is None else now + timedelta(seconds=after)


def withdraw_alarm(tx: Connection, now: datetime, alarm_id: str, count: Count, why: str) -> Aftermath:
    """End the alarm's pages, and take back the calls that tell of no other alarm."""
    pages.lock_calls(tx, alarm_id)
    pages.end(tx, now, alarm_id, why)
    return withdraw(tx, now, pages.only_for(alarm_id), count, why)


def withdraw_waiting(tx: Connection, now: datetime, alarm_id: str, count: Count, why: str) -> Aftermath:
    """Take the alarm out of the calls that wait, and those back that tell of no other alarm."""
    return _leave_waiting(tx, now, alarm_id, count, why, CallState.CANCELLED)


def expire(tx: Connection, now: datetime, alarm_id: str, count: Count) -> Aftermath:
    """End an open alarm whose time is over: at once, or when the call that tells of it just now has ended.

    It leaves the calls that wait, which go on for the other alarms that they tell of.
    """
    why = _TIME_OVER
    tx.execute(select(_alarms.c.id).where(_alarms.c.id == alarm_id).with_for_update()).all()
    aftermath = _leave_waiting(tx, now, alarm_id, count, why, CallState.EXPIRED)
    is_up = select(_alarms.c.id).where(
        _alarms.c.id == alarm_id, pages.any_with(_alarms.c.id, CallState.ACTIVE)
    )
    if tx.execute(is_up).first() is None:
        close(tx, now, alarm_id, AlarmStatus.EXPIRED, why)
    return aftermath


def _leave_waiting(
    tx: Connection, now: datetime, alarm_id: str, count: Count, why: str, state: CallState
) -> Aftermath:
    pages.lock_calls(tx, alarm_id)
    left = pages.end_waiting(tx, now, alarm_id, why)
    return withdraw(tx, now, [_calls.c.id.in_(left), pages.tells_nothing()], count, why, state=state)


def withdraw_page(
    tx: Connection, now: datetime, page_id: str, call_id: str, count: Count, why: str
) -> Aftermath:
    """End one page, and take back its call when that tells nobody of anything else."""
    tx.execute(select(_calls.c.id).where(_calls.c.id == call_id).with_for_update()).all()
    pages.end_one(tx, now, page_id, why)
    return withdraw(tx, now, [_calls.c.id == call_id, pages.tells_nothing()], count, why)


def close(
    tx: Connection,
    now: datetime,
    alarm_id: str,
    status: AlarmStatus,
    cause: str,
    values: dict[str, Any] | None = None,
) -> bool:
    """Move an alarm on to ``status`` from wherever that is allowed; False when it was not.

    An alarm whose time was over before its cause has a resolution too: what fires after that is late.
    An exhausted alarm is not taken up again once it has been raised anew: of one deduplication key
    there is at most one alarm in hand.
    """
    allowed = [AlarmStatus.OPEN]
    if status in (AlarmStatus.RESOLVED, AlarmStatus.CANCELLED):
        allowed.append(AlarmStatus.ACKNOWLEDGED)
    if status in (AlarmStatus.ACKNOWLEDGED, AlarmStatus.RESOLVED):
        allowed.append(AlarmStatus.EXHAUSTED)
    if status is AlarmStatus.RESOLVED:
        allowed.append(AlarmStatus.EXPIRED)
    columns = {"next_at": None, "held_why": None, "held_by": None} | (values or {})
    changed = tx.execute(
        update(_alarms)
        .where(_alarms.c.id == alarm_id, _alarms.c.status.in_(allowed), ~_is_succeeded(alarm_id, status))
        .values(status=status, updated_at=now, **columns)
    )
    if changed.rowcount:
        events.record(tx, now, [Change("alarm", alarm_id, status, cause=cause, alarm_id=alarm_id)])
        if status is not AlarmStatus.ACKNOWLEDGED:
            release_held_by(tx, now, alarm_id)
        if status in (AlarmStatus.EXPIRED, AlarmStatus.EXHAUSTED):
            pages.end(tx, now, alarm_id, cause)
    return bool(changed.rowcount)


def release_held_by(tx: Connection, now: datetime, holder: str) -> None:
    """Have every alarm looked at again that ``holder`` (an alarm, a silence, a group) has kept quiet."""
    tx.execute(update(_alarms).where(_alarms.c.held_by == holder).values(next_at=now))


def look_again(tx: Connection, now: datetime, alarm_ids: Iterable[str]) -> Aftermath:
    """Have the escalation of these alarms looked at: a call has ended."""
    return _look(_LOOK_AGAIN, tx, now, alarm_ids)


def look_at_keys(tx: Connection, now: datetime, alarm_ids: Iterable[str]) -> Aftermath:
    """Have the escalation of those alarms looked at whose plan gives keys an effect: one was pressed.

    It may have its effect in a call that went on after the alarm's end, too.
    """
    return _look(_LOOK_AT_KEYS, tx, now, alarm_ids)


def _look(statement: Prepared, tx: Connection, now: datetime, alarm_ids: Iterable[str]) -> Aftermath:
    ids = sorted(set(alarm_ids))
    found = statement.all(tx, ids=ids, new_next_at=now) if ids else []
    return Aftermath(escalate=bool(found))


def reopen(tx: Connection, now: datetime, call_ids: Sequence[str], since: datetime, cause: str) -> None:
    """Open alarms again that ended after ``since`` only because these calls did, and have them told again."""
    ended = _pages.c.call_id.in_(call_ids), among(_pages.c.state, PageState.ENDED)
    because = _pages.c.why.in_((_ALL_EXPIRED, _NONE_DELIVERED, _NOT_IN_HAND)), _pages.c.ended_at > since
    told = select(_pages.c.id, _pages.c.alarm_id).where(*ended, *because).order_by(_pages.c.alarm_id)
    for page in tx.execute(told).all() if call_ids else ():
        has_time = _alarms.c.expires_at.is_(None) | (_alarms.c.expires_at > now)
        over = among(_alarms.c.status, AlarmStatus.EXHAUSTED, AlarmStatus.EXPIRED)
        free = ~_is_succeeded(page.alarm_id, AlarmStatus.OPEN)
        reopened = tx.execute(
            update(_alarms)
            .where(_alarms.c.id == page.alarm_id, over, has_time, free)
            .values(status=AlarmStatus.OPEN, updated_at=now)
        )
        if reopened.rowcount:
            change = Change("alarm", page.alarm_id, "reopened", cause=cause, alarm_id=page.alarm_id)
            events.record(tx, now, [change])
        # Another of its calls may have opened it before.
        is_open = select(_alarms.c.id).where(
            _alarms.c.id == page.alarm_id, among(_alarms.c.status, AlarmStatus.OPEN)
        )
        tx.execute(
            update(_pages)
            .where(_pages.c.id == page.id, is_open.exists())
            .values(state=PageState.CALLING, why="", ended_at=None)
        )


def _is_succeeded(alarm_id: str, status: AlarmStatus) -> ColumnElement[bool]:
    """Whether another alarm has the key that this one needs in order to be in hand."""
    if status not in (AlarmStatus.ACKNOWLEDGED, AlarmStatus.OPEN):
        return false()
    key = select(_alarms.c.dedup_key).where(_alarms.c.id == alarm_id).scalar_subquery()
    other = _alarms.alias("other")
    return exists().where(
        other.c.dedup_key == key,
        other.c.id != alarm_id,
        other.c.status.in_((AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED)),
    )


def after_calls(tx: Connection, now: datetime, call_ids: Iterable[str]) -> Aftermath:
    """Go on with the alarms of calls that have just ended: to their next person, or to their end."""
    told = pages.alarms_of(tx, call_ids)
    aftermath = Aftermath()
    for alarm_id in sorted({alarm_id for alarms in told.values() for alarm_id in alarms}):
        aftermath.add(end_if_exhausted(tx, now, alarm_id))
    return aftermath


def end_if_exhausted(tx: Connection, now: datetime, alarm_id: str) -> Aftermath:
    """End an open alarm whose calls have all ended without a delivery, if its plan ends there too.

    The alarm's row is locked first, so that of two calls that end at the same time the second sees
    the first.
    """
    [alarm] = _STANDING.all(tx, of_alarm=alarm_id)
    if alarm.status != AlarmStatus.OPEN:
        return Aftermath()
    if alarm.next_at is not None:
        if alarm.next_at <= now:
            return Aftermath(escalate=True)
        return look_again(tx, now, [alarm_id])
    of_this_time = pages.of_alarm(tx, alarm_id, (alarm.plan or {}).get("first_round", 0))
    called = [row for row in of_this_time if row.call_state is not None]
    states = {row.call_state for row in called}
    reached = any(pages.has_reached(row, alarm.delivered_when) for row in called)
    if reached or states & set(OPEN_CALL_STATES):
        return Aftermath()
    if any(row.state == PageState.WAITING and row.round >= alarm.round for row in of_this_time):
        return look_again(tx, now, [alarm_id])
    if states == {CallState.EXPIRED}:
        close(tx, now, alarm_id, AlarmStatus.EXPIRED, _ALL_EXPIRED)
    elif CallState.EXPIRED in states and alarm.expires_at is not None and alarm.expires_at <= now:
        # Those before may have failed, in an earlier round too: it is its time that has ended it.
        close(tx, now, alarm_id, AlarmStatus.EXPIRED, _TIME_OVER)
    elif states:
        why = _NOT_IN_HAND if CallState.DELIVERED in states else _NONE_DELIVERED
        close(tx, now, alarm_id, AlarmStatus.EXHAUSTED, why)
    else:
        close(tx, now, alarm_id, AlarmStatus.EXHAUSTED, "there was nobody to call")
    return Aftermath()
