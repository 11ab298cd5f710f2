"""The rows that prove what was done for one alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.errors import Unknown
from dispatcher.store.pages import of_alarm, pages, tells
from dispatcher.store.tables import Alarm, Attempt, Call, Event, RawReport, table

_alarms, _attempts, _calls = table(Alarm), table(Attempt), table(Call)
_events, _reports = table(Event), table(RawReport)


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that the store holds of an alarm; what was done for other alarms alone is left out."""

    alarm: Any
    pages: Sequence[Any]
    calls: dict[str, Any]
    attempts: dict[str, list[Any]]
    """The attempts that told of this alarm, by call: those claimed after it had joined the call."""
    events: list[Any]
    reports: dict[str, list[Any]]
    """The reports as they came, by attempt."""
    others: dict[str, list[Any]]
    """The other alarms that a call has told of, by call."""

    def page_of(self, call_id: str) -> Any:
        """Who was told by a call, and in which step."""
        return next(page for page in self.pages if page.call_id == call_id)


def read(tx: Connection, alarm_id: str) -> Records:
    """The records of an alarm, as this transaction sees them. Raises :class:`Unknown`."""
    alarm = tx.execute(select(_alarms).where(_alarms.c.id == alarm_id)).one_or_none()
    if alarm is None:
        raise Unknown("alarm", alarm_id)
    people = of_alarm(tx, alarm_id)
    by_call = {page.call_id: page for page in people if page.call_id is not None}
    calls = tx.execute(select(_calls).where(_calls.c.id.in_(by_call)).order_by(_calls.c.id)).all()
    attempts: dict[str, list[Any]] = {call.id: [] for call in calls}
    query = select(_attempts).where(_attempts.c.call_id.in_(by_call)).order_by(_attempts.c.ordinal)
    for attempt in tx.execute(query):
        if tells(attempt, by_call[attempt.call_id]):
            attempts[attempt.call_id].append(attempt)
    ids = [attempt.id for found in attempts.values() for attempt in found]
    return Records(
        alarm=alarm,
        pages=people,
        calls={call.id: call for call in calls},
        attempts=attempts,
        events=_events_of(tx, alarm_id, by_call, set(ids)),
        reports=_reports_of(tx, ids),
        others=_others(tx, alarm_id, list(by_call)),
    )


def _events_of(tx: Connection, alarm_id: str, by_call: dict[str, Any], attempts: set[str]) -> list[Any]:
    own = tx.execute(select(_events).where(_events.c.alarm_id == alarm_id)).all()
    of_calls = select(_events).where(_events.c.subject == "call", _events.c.subject_id.in_(by_call))
    found = {row.id: row for row in own if row.subject == "alarm" or row.attempt_id is None}
    for row in tx.execute(of_calls):
        page = by_call[row.subject_id]
        if row.attempt_id is not None and row.attempt_id not in attempts:
            continue
        if row.attempt_id is None and not _is_of(row, page, alarm_id):
            continue
        found[row.id] = row
    return [found[key] for key in sorted(found)]


def _is_of(row: Any, page: Any, alarm_id: str) -> bool:
    """Whether a change of a whole call concerns the alarm: it is on its account, or while it was told."""
    if row.alarm_id == alarm_id:
        return True
    if row.name == "joined" or (page.called_at is not None and row.at < page.called_at):
        return False
    return page.ended_at is None or row.at <= page.ended_at


def _reports_of(tx: Connection, attempts: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    query = select(_reports).where(_reports.c.attempt_id.in_(attempts)).order_by(_reports.c.id)
    for row in tx.execute(query):
        found.setdefault(row.attempt_id, []).append(row)
    return found


def _others(tx: Connection, alarm_id: str, calls: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    query = (
        select(pages.c.call_id, _alarms.c.id, _alarms.c.summary)
        .join(_alarms, _alarms.c.id == pages.c.alarm_id)
        .where(pages.c.call_id.in_(calls), pages.c.alarm_id != alarm_id)
        .order_by(pages.c.call_id, pages.c.created_at, _alarms.c.id)
    )
    for row in tx.execute(query):
        found.setdefault(row.call_id, []).append(row)
    return found
