"""Making heartbeats, hearing them, and changing, pausing and deleting them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dispatcher.domain.heartbeats import Watch, expected, is_put_off
from dispatcher.domain.vocabulary import HeartbeatStatus
from dispatcher.errors import Clash, Fault, Refused, Unknown
from dispatcher.heartbeats.requests import HeartbeatChange, NewHeartbeat, end_of_silence, silence
from dispatcher.intake import alarms
from dispatcher.store import heartbeats
from dispatcher.work import Work

SOURCE = "heartbeat"


def create(work: Work, asked: NewHeartbeat) -> None:
    """Make a heartbeat. It is waited for from its first sign of life on. Raises ``Refused`` and ``Clash``."""
    alarm = asked.alarm.document()
    _check(work, asked.name, alarm)
    row = {
        "name": asked.name,
        "every_seconds": asked.every,
        "grace_seconds": asked.grace,
        "alarm": alarm,
        "status": HeartbeatStatus.NEW,
        "created_at": work.now,
        "updated_at": work.now,
    }
    if not heartbeats.add(work.tx, row):
        raise Clash(f"there is a heartbeat {asked.name!r} already")


def hear(work: Work, name: str) -> None:
    """A sign of life: the next one is expected in time, and the alarm of a silence is resolved."""
    row = _found(work, name)
    if row.status == HeartbeatStatus.PAUSED:
        heartbeats.change(work.tx, name, {"heard_at": work.now})
        return
    if row.alarm_id is not None:
        alarms.take(work, end_of_silence(name, row.due_at), SOURCE)
    heard = {"heard_at": work.now, "alarm_id": None, "gap_seconds": _gap(row, work.now)}
    heartbeats.change(work.tx, name, _up(row, work.now) | heard)


def change(work: Work, name: str, asked: HeartbeatChange) -> None:
    """Change a heartbeat. What is waited for moves with its times. Raises as :func:`create`."""
    row = _found(work, name)
    columns: dict[str, Any] = {"updated_at": work.now}
    if asked.alarm is not None:
        columns["alarm"] = asked.alarm.document()
        _check(work, name, columns["alarm"])
    every = row.every_seconds if asked.every is None else asked.every
    grace = row.grace_seconds if asked.grace is None else asked.grace
    if (every, grace) != (row.every_seconds, row.grace_seconds):
        columns |= {"every_seconds": every, "grace_seconds": grace}
        if row.status == HeartbeatStatus.UP:
            # Counted from when it was waited for: after a pause that is later than when it was heard.
            waited_since = row.due_at - timedelta(seconds=row.every_seconds + row.grace_seconds)
            columns |= _times(expected(waited_since, _span(every), _span(grace)))
    heartbeats.change(work.tx, name, columns)


def pause(work: Work, name: str) -> None:
    """Wait for nothing until it is resumed. An alarm that is open is left to people, or to its return."""
    row = _found(work, name)
    if row.status == HeartbeatStatus.PAUSED:
        return
    status = {"status": HeartbeatStatus.PAUSED, "updated_at": work.now}
    # The instant stays while an alarm is open: it is part of that alarm's key.
    times = {} if row.alarm_id is not None else {"due_at": None, "latest_at": None}
    heartbeats.change(work.tx, name, status | times)


def resume(work: Work, name: str) -> None:
    """Wait again, for a whole interval from now; one that was never heard is new again."""
    row = _found(work, name)
    if row.status != HeartbeatStatus.PAUSED:
        return
    if row.alarm_id is not None:
        columns: Mapping[str, Any] = {"status": HeartbeatStatus.DOWN}
    elif row.heard_at is None:
        columns = {"status": HeartbeatStatus.NEW}
    else:
        columns = _up(row, work.now)
    heartbeats.change(work.tx, name, {**columns, "updated_at": work.now})


def remove(work: Work, name: str) -> None:
    """Delete a heartbeat. An alarm that is open is left to people."""
    if not heartbeats.remove(work.tx, name):
        raise Unknown("heartbeat", name)


def _found(work: Work, name: str) -> Any:
    row = heartbeats.find(work.tx, name, lock=True)
    if row is None:
        raise Unknown("heartbeat", name)
    return row


def _gap(row: Any, now: datetime) -> float | None:
    """How long after the last sign this one comes; what was known of that, if one may have been missed."""
    known: float | None = row.gap_seconds
    if row.status != HeartbeatStatus.UP or row.heard_at is None or row.heard_at > now:
        return known
    watch = Watch(row.heard_at, _span(row.every_seconds), row.due_at, row.latest_at)
    if is_put_off(watch, _span(row.grace_seconds)):
        return known
    return float((now - row.heard_at).total_seconds())


def _up(row: Any, since: datetime) -> dict[str, Any]:
    watch = expected(since, _span(row.every_seconds), _span(row.grace_seconds))
    return {"status": HeartbeatStatus.UP} | _times(watch)


def _times(watch: Watch) -> dict[str, Any]:
    return {"due_at": watch.due_at, "latest_at": watch.latest_at}


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _check(work: Work, name: str, alarm: dict[str, Any]) -> None:
    """Refuse an alarm that intake would refuse: it is raised here as it would be, and taken back."""
    trial = Work(work.core, work.tx, work.now)
    attempt = work.tx.begin_nested()
    try:
        alarms.take(trial, silence(name, alarm, work.now, work.now), SOURCE)
    except Refused as refusal:
        raise Refused(*(Fault(("alarm", *one.place), one.detail) for one in refusal.faults)) from None
    finally:
        attempt.rollback()
