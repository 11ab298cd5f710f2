"""What a notice does to the alarm of its key, whatever came before it, and in whatever order.

Messages of one episode may overtake each other: a sender tries again what it could not deliver, and two
of its processes may speak for it. Everything here is asked with the key locked, see :func:`lock`.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select, text, update

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.intake import alarms
from dispatcher.intake.alarm_request import AlarmRequest, Wish
from dispatcher.intake.alarms import Effect, Taken
from dispatcher.intake.notices import Notice, Says, fitting, instant
from dispatcher.ledger import alarms as ledger
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_alarms = table(Alarm)
_IN_HAND = (AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED)
_SAID_AT = "said_at"
_CALLED_OFF = "called_off_by"
_SKEW = timedelta(seconds=2)
"""So much may the clocks of two machines of one site differ: within it, the order of arrival holds."""
_LOCK = 0x1A2B
_LOCKS = 1024
"""Keys share so many locks, since a database has room for few thousands."""
_TAKE_LOCKS = text("SELECT pg_advisory_xact_lock(:of, lock) FROM unnest(CAST(:locks AS int[])) AS lock")


def lock(work: Work, keys: Iterable[str]) -> None:
    """Let no other transaction take notices with these keys until this one has ended.

    Else a resolution that finds no alarm and the alarm that finds no resolution could pass each other.
    All are taken in one order, so that no two wait for each other. SQLite has one writer anyway.
    """
    if work.tx.dialect.name != "postgresql":
        return
    digests = (hashlib.sha256(key.encode()).digest() for key in keys)
    locks = sorted({int.from_bytes(digest[:4]) % _LOCKS for digest in digests})
    if locks:
        work.tx.execute(_TAKE_LOCKS, {"of": _LOCK, "locks": locks})


def take_in_turn(work: Work, request: AlarmRequest, source: str) -> Taken:
    """Take an alarm as somebody asks for it themselves, in its turn among those with the same key.

    Raises :class:`Refused`.
    """
    if request.dedup_key is not None:
        lock(work, [request.dedup_key])
    return alarms.take(work, request, source)


def take(work: Work, notice: Notice, policy: str, source: str) -> Taken | None:
    """Do what the notice says to the alarm of its key; None when it speaks of no alarm of ours.

    Raises :class:`Refused`.
    """
    known = _known(work, notice.dedup_key)
    if known is not None and _is_late(known, notice):
        return _note(work, known.id, "late", f"too late, {source} has said more since: {notice.summary}")
    taken = _take(work, known, notice, policy, source)
    if known is not None and taken is not None and notice.said_at is not None:
        _keep(work, taken.alarm_id, _SAID_AT, instant(notice.said_at))
    return taken


def _take(work: Work, known: Any, notice: Notice, policy: str, source: str) -> Taken | None:
    match notice.says:
        case Says.FIRING:
            return _fire(work, known, notice, policy, source)
        case Says.WELL if known is None:
            return None
        case Says.RESOLVED | Says.WELL if _is_called_off(known) and known.resolved_at is None:
            return _end_called_off(work, known, notice, source)
        case Says.RESOLVED | Says.WELL:
            return alarms.take(work, _request_of(notice, policy, Wish.RESOLVED), source)
        case Says.ACKNOWLEDGED:
            return _acknowledge(work, known, notice, policy, source)
        case Says.CALLED_OFF:
            return _call_off(work, known, notice, source)
        case Says.NOTED:
            return None if known is None else _note(work, known.id, "noted", _in_words(notice, source))


def _known(work: Work, key: str) -> Any:
    """The alarm with this key that is in hand, else the newest one; None when there is none."""
    columns = _alarms.c.id, _alarms.c.status, _alarms.c.created_at, _alarms.c.resolved_at, _alarms.c.details
    in_hand = case((_alarms.c.status.in_(_IN_HAND), 0), else_=1)
    query = select(*columns).where(_alarms.c.dedup_key == key).order_by(in_hand, _alarms.c.id.desc())
    return work.tx.execute(query.limit(1)).one_or_none()


def _is_late(known: Any, notice: Notice) -> bool:
    """Whether the sender has said something newer of this key already."""
    last = (known.details or {}).get(_SAID_AT)
    if notice.said_at is None or not isinstance(last, str):
        return False
    try:
        return notice.said_at + _SKEW < datetime.fromisoformat(last)
    except (ValueError, TypeError):
        # An alarm that was raised through the API may have anything there.
        return False


def _keep(work: Work, alarm_id: str, name: str, value: str) -> None:
    """Keep something that a notice that follows is held against."""
    is_it = _alarms.c.id == alarm_id
    details = work.tx.execute(select(_alarms.c.details).where(is_it)).scalar_one()
    work.tx.execute(update(_alarms).where(is_it).values(details=(details or {}) | {name: value}))


def _fire(work: Work, known: Any, notice: Notice, policy: str, source: str) -> Taken:
    if known is not None and _has_ended(work, known, notice):
        cause = f"fires late: {source} has already said that this is over"
        return Taken(_note(work, known.id, "repeated", cause).alarm_id, Effect.JOINED)
    # Whose key names one episode repeats it for as long as it lasts, also after somebody has cancelled it.
    if known is not None and _was_cancelled_by_hand(known) and notice.late_for:
        _note(work, known.id, "repeated", f"{source} repeats it; it was cancelled, and calls nobody")
        return Taken(known.id, Effect.JOINED)
    return alarms.take(work, _request_of(notice, policy, Wish.FIRING), source)


def _has_ended(work: Work, known: Any, notice: Notice) -> bool:
    """Whether the episode that the notice speaks of is over.

    One that ended before it began was never heard of, so that its beginning is late whenever it comes.
    """
    if known.status in _IN_HAND or known.resolved_at is None or not notice.late_for:
        return False
    return bool(known.created_at == known.resolved_at or work.now - known.resolved_at <= notice.late_for)


def _was_cancelled_by_hand(known: Any) -> bool:
    """Whether somebody has; a source that has called it off itself means what it says when it fires again."""
    return known.status == AlarmStatus.CANCELLED and not _is_called_off(known)


def _is_called_off(known: Any) -> bool:
    """Whether its source has called it off, and nobody by hand."""
    return (
        known is not None and known.status == AlarmStatus.CANCELLED and _CALLED_OFF in (known.details or {})
    )


def _acknowledge(work: Work, known: Any, notice: Notice, policy: str, source: str) -> Taken:
    """Somebody has it in hand. An alarm that we had not heard of is recorded, and calls nobody."""
    cause = _in_words(notice, source)
    is_new = known is None or (known.status == AlarmStatus.RESOLVED and not _has_ended(work, known, notice))
    if not is_new and known.status not in (AlarmStatus.OPEN, AlarmStatus.EXHAUSTED):
        return _note(work, known.id, "noted", cause)
    if is_new:
        alarm_id = alarms.take(work, _request_of(notice, policy, Wish.FIRING), source).alarm_id
    else:
        alarm_id = known.id
    by = notice.by or source
    work.aftermath.add(ledger.acknowledge(work.tx, work.now, alarm_id, work.count, by=by, cause=cause))
    return Taken(alarm_id, Effect.ACKNOWLEDGED)


def _call_off(work: Work, known: Any, notice: Notice, source: str) -> Taken | None:
    """Call nobody any more. Who has an alarm in hand keeps it, and an alarm that has ended stays as it is."""
    if known is None:
        return None
    cause = _in_words(notice, source)
    if known.status != AlarmStatus.OPEN:
        return _note(work, known.id, "noted", cause)
    ledger.close(work.tx, work.now, known.id, AlarmStatus.CANCELLED, cause)
    _keep(work, known.id, _CALLED_OFF, source)
    why = f"the alarm was called off: {cause}"
    work.aftermath.add(ledger.withdraw_alarm(work.tx, work.now, known.id, work.count, why))
    return Taken(known.id, Effect.CANCELLED)


def _end_called_off(work: Work, known: Any, notice: Notice, source: str) -> Taken:
    """Keep when the cause of a called-off alarm was gone, by which its source's late words are known.

    It stays called off: nobody is called, not even to be told of the end.
    """
    over = update(_alarms).where(_alarms.c.id == known.id)
    work.tx.execute(over.values(resolved_at=work.now, updated_at=work.now))
    return _note(work, known.id, "noted", f"its cause is gone: {_in_words(notice, source)}")


def _note(work: Work, alarm_id: str, name: str, cause: str) -> Taken:
    events.record(work.tx, work.now, [Change("alarm", alarm_id, name, cause, alarm_id=alarm_id)])
    return Taken(alarm_id, Effect.UNCHANGED)


def _in_words(notice: Notice, source: str) -> str:
    """What the timeline says: where it was said, by whom, and their words."""
    said = f"{source}: {notice.summary if not notice.why else notice.why}"
    return f"{said} ({notice.by})" if notice.by else said


def _request_of(notice: Notice, policy: str, wish: Wish) -> AlarmRequest:
    said = {} if notice.said_at is None else {_SAID_AT: instant(notice.said_at)}
    return AlarmRequest(
        summary=notice.summary,
        status=wish,
        severity=notice.severity,
        dedup_key=notice.dedup_key,
        policy=policy,
        labels=fitting(notice.labels),
        details=notice.details | said,
    )
