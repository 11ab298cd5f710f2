"""Pages: who is to be told of which alarm, and which call tells them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from dispatcher.domain.vocabulary import (
    AlarmStatus,
    CallState,
    DeliveredWhen,
    Outcome,
    PageState,
    Purpose,
)
from dispatcher.store.ids import new_id
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Alarm, Attempt, Call, Page, among, table

pages = table(Page)
_alarms, _attempts, _calls = table(Alarm), table(Attempt), table(Call)
_COLUMNS = tuple(column.name for column in pages.c)

_ALARMS_OF = Prepared(
    select(pages.c.call_id, pages.c.alarm_id)
    .where(AnyOf(pages.c.call_id, "call_ids"), among(pages.c.purpose, Purpose.ALARM))
    .order_by(pages.c.created_at, pages.c.id)
)
_TOLD_BY = (
    select(pages.c.alarm_id, pages.c.purpose)
    .where(
        pages.c.call_id == bindparam("of_call"),
        or_(pages.c.ended_at.is_(None), pages.c.ended_at >= bindparam("since")),
    )
    .order_by(pages.c.created_at, pages.c.id)
)
_TELLING = (
    select(pages.c.call_id, pages.c.state, pages.c.purpose, _alarms.c.status)
    .join(_alarms, _alarms.c.id == pages.c.alarm_id)
    .where(pages.c.call_id.in_(bindparam("call_ids", expanding=True)))
)
_SEVERITIES = (
    select(pages.c.call_id, _alarms.c.severity)
    .join(_alarms, _alarms.c.id == pages.c.alarm_id)
    .where(
        pages.c.call_id.in_(bindparam("call_ids", expanding=True)),
        among(pages.c.purpose, Purpose.ALARM),
        among(pages.c.state, PageState.CALLING),
    )
    .distinct()
)
_END = (
    update(pages)
    .where(
        pages.c.alarm_id == bindparam("of_alarm"), among(pages.c.state, PageState.WAITING, PageState.CALLING)
    )
    .values(state=PageState.ENDED, why=bindparam("new_why"), ended_at=bindparam("new_ended_at"))
)


def alarms_of(tx: Connection, call_ids: Iterable[str]) -> dict[str, list[str]]:
    """The alarms that each of these calls tells of, by call, in the order in which they joined it."""
    ids = list(call_ids)
    found: dict[str, list[str]] = {}
    for row in _ALARMS_OF.all(tx, call_ids=ids) if ids else ():
        found.setdefault(row.call_id, []).append(row.alarm_id)
    return found


def severities(tx: Connection, call_ids: Iterable[str]) -> dict[str, set[str]]:
    """The severities of the alarms that each of these calls is to tell of, by call."""
    ids = list(call_ids)
    found: dict[str, set[str]] = {}
    for row in tx.execute(_SEVERITIES, {"call_ids": ids}) if ids else ():
        found.setdefault(row.call_id, set()).add(row.severity)
    return found


def tells(attempt: Any, page: Any) -> bool:
    """Whether an attempt was made while its call was to tell of the page's alarm."""
    joined = page.called_at is None or attempt.claimed_at >= page.called_at
    return bool(joined and (page.ended_at is None or attempt.claimed_at <= page.ended_at))


@dataclass(slots=True)
class Telling:
    """Whether a call still has somebody to tell of an open alarm, or that one is over; and how they stand."""

    wanted: bool = False
    statuses: set[str] = field(default_factory=set)


def telling(tx: Connection, call_ids: Iterable[str]) -> dict[str, Telling]:
    """What these calls of alarms are still to tell, by call."""
    ids = list(call_ids)
    found = {call_id: Telling() for call_id in ids}
    for row in tx.execute(_TELLING, {"call_ids": ids}) if ids else ():
        one = found[row.call_id]
        one.statuses.add(row.status)
        counts = row.purpose == Purpose.RESOLVED or row.status == AlarmStatus.OPEN
        one.wanted = one.wanted or (counts and row.state == PageState.CALLING)
    return found


def end(tx: Connection, now: datetime, alarm_id: str, why: str) -> None:
    """End the alarm's pages, those that wait and those that are being told alike."""
    tx.execute(_END, {"of_alarm": alarm_id, "new_why": why, "new_ended_at": now})


def end_one(tx: Connection, now: datetime, page_id: str, why: str) -> None:
    """End one page."""
    ended = {"state": PageState.ENDED, "why": why, "ended_at": now}
    tx.execute(update(pages).where(pages.c.id == page_id).values(ended))


def wait_again(tx: Connection, page_ids: Sequence[str]) -> None:
    """Have the people of pages that have just ended wait for another call."""
    waits = {"state": PageState.WAITING, "call_id": None, "why": "", "ended_at": None}
    tx.execute(update(pages).where(pages.c.id.in_(page_ids)).values(waits))


def wait_behind(tx: Connection, now: datetime, page: Any, position: int) -> None:
    """Have the person of a page that has ended wait for another call, at this place in their line."""
    again = {"id": new_id(), "state": PageState.WAITING, "position": position, "created_at": now}
    fresh = {"call_id": None, "why": "", "keys_done": "", "called_at": None, "ended_at": None}
    tx.execute(insert(pages), {name: getattr(page, name) for name in _COLUMNS} | again | fresh)


def person_of(page: Any) -> str:
    """Who is meant, in a word for the timeline."""
    return str(page.name or page.number or page.extension or page.pbx_user)


def end_delivered(tx: Connection, now: datetime, alarm_id: str, why: str) -> None:
    """End the alarm's pages whose calls were delivered: that was not enough."""
    delivered = select(_calls.c.id).where(
        _calls.c.id == pages.c.call_id, among(_calls.c.state, CallState.DELIVERED)
    )
    mine = pages.c.alarm_id == alarm_id, among(pages.c.state, PageState.CALLING), delivered.exists()
    tx.execute(update(pages).where(*mine).values(state=PageState.ENDED, why=why, ended_at=now))


def call_again(tx: Connection, call_id: str, since: datetime) -> list[str]:
    """Have the callee called anew for alarms that joined a call after ``since``; returns those alarms."""
    later = pages.c.call_id == call_id, among(pages.c.state, PageState.CALLING), pages.c.called_at > since
    waits = update(pages).where(*later, among(pages.c.purpose, Purpose.ALARM))
    again = waits.values(state=PageState.WAITING, call_id=None).returning(pages.c.alarm_id)
    return list(tx.execute(again).scalars())


def end_waiting(tx: Connection, now: datetime, alarm_id: str, why: str) -> list[str]:
    """End the alarm's pages that nobody's phone rings for; returns the calls that they had waited in."""
    queued = select(_calls.c.id).where(
        _calls.c.id == pages.c.call_id, among(_calls.c.state, CallState.QUEUED)
    )
    waits = among(pages.c.state, PageState.WAITING) | (
        among(pages.c.state, PageState.CALLING) & queued.exists()
    )
    ended = update(pages).where(pages.c.alarm_id == alarm_id, waits)
    left = tx.execute(
        ended.values(state=PageState.ENDED, why=why, ended_at=now).returning(pages.c.call_id)
    ).scalars()
    return [call_id for call_id in left if call_id is not None]


def calls_back(tx: Connection, source: str, policy: str | None) -> Sequence[Any]:
    """The pages (with their alarm's key and labels) of calls that are to tell that an alarm is resolved."""
    query = (
        select(pages.c.id, pages.c.call_id, _alarms.c.dedup_key, _alarms.c.labels)
        .join(_calls, _calls.c.id == pages.c.call_id)
        .join(_alarms, _alarms.c.id == pages.c.alarm_id)
        .where(
            # Written out, so that PostgreSQL knows a partial index for either.
            or_(
                and_(among(_calls.c.state, CallState.QUEUED), _calls.c.alarm_id.is_not(None)),
                among(_calls.c.state, CallState.ACTIVE),
            ),
            among(pages.c.purpose, Purpose.RESOLVED),
            among(pages.c.state, PageState.CALLING),
            _alarms.c.source == source,
            _alarms.c.policy == policy,
        )
        .order_by(pages.c.id)
    )
    return tx.execute(query).all()


def told_by(tx: Connection, call_id: str, since: datetime) -> Sequence[Any]:
    """The pages (alarm_id, purpose) of a call that it told of at ``since`` or later, in their order."""
    return tx.execute(_TOLD_BY, {"of_call": call_id, "since": since}).all()


def lock_calls(tx: Connection, alarm_id: str) -> None:
    """Lock the calls that tell of this alarm, so that nobody joins another alarm to them meanwhile."""
    mine = select(pages.c.call_id).where(pages.c.alarm_id == alarm_id, pages.c.call_id.is_not(None))
    tx.execute(select(_calls.c.id).where(_calls.c.id.in_(mine)).order_by(_calls.c.id).with_for_update()).all()


def only_for(alarm_id: str) -> list[ColumnElement[bool]]:
    """The conditions of a call that tells of this alarm, and of no other that still wants it."""
    mine = pages.alias("mine")
    return [
        _calls.c.id.in_(
            select(mine.c.call_id).where(mine.c.alarm_id == alarm_id, mine.c.call_id.is_not(None))
        ),
        tells_nothing(),
    ]


def tells_nothing() -> ColumnElement[bool]:
    """The condition that nobody is to be told of anything by a call any more."""
    left = pages.alias("left_pages")
    return ~exists().where(left.c.call_id == _calls.c.id, among(left.c.state, PageState.CALLING))


def any_with(alarm_column: ColumnElement[Any], *states: CallState) -> ColumnElement[bool]:
    """The condition that a call in one of these states tells of the alarm."""
    called = _calls.alias("called")
    joined = pages.join(called, called.c.id == pages.c.call_id)
    return exists(
        select(pages.c.id)
        .select_from(joined)
        .where(pages.c.alarm_id == alarm_column, among(called.c.state, *states))
    )


_beyond = pages.alias("beyond")
GOES_ON = exists().where(
    _beyond.c.call_id == pages.c.call_id,
    _beyond.c.alarm_id != pages.c.alarm_id,
    or_(_beyond.c.ended_at.is_(None), _beyond.c.ended_at > pages.c.ended_at),
)
"""The condition that a call went on for other alarms when a page's alarm had left it."""
_told = _attempts.c.call_id == pages.c.call_id, _attempts.c.claimed_at <= pages.c.ended_at
LEFT_TO_OTHERS = and_(
    pages.c.ended_at.is_not(None),
    GOES_ON,
    or_(
        among(_calls.c.state, CallState.QUEUED),
        exists().where(_attempts.c.call_id == pages.c.call_id, _attempts.c.claimed_at > pages.c.ended_at),
    ),
    ~exists().where(*_told, among(_attempts.c.outcome, Outcome.DELIVERED)),
)
"""The condition that what a call does now is for other alarms alone: this page's alarm has left it."""


def call_counts(tx: Connection, alarm_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many calls, by state, tell of each of these alarms; those that it has left count as cancelled."""
    found: dict[str, dict[str, int]] = {}
    state = case((LEFT_TO_OTHERS, str(CallState.CANCELLED)), else_=_calls.c.state).label("state")
    told = (
        select(pages.c.alarm_id, state)
        .join(_calls, _calls.c.id == pages.c.call_id)
        .where(pages.c.alarm_id.in_(alarm_ids))
        .subquery()
    )
    query = select(told.c.alarm_id, told.c.state, func.count()).group_by(told.c.alarm_id, told.c.state)
    for alarm_id, call_state, number in tx.execute(query):
        found.setdefault(alarm_id, {})[call_state] = number
    return found


@dataclass(slots=True)
class Left:
    """A call that an alarm has left: when, why, and for which other alarms it went on."""

    at: datetime
    why: str
    others: list[str] = field(default_factory=list)


_others = pages.alias("others")
_LEFT_BY = (
    select(pages.c.call_id, pages.c.ended_at, pages.c.why, _others.c.alarm_id.label("other"))
    .join(_calls, _calls.c.id == pages.c.call_id)
    .join(_others, and_(_others.c.call_id == pages.c.call_id, _others.c.alarm_id != pages.c.alarm_id))
    .where(
        pages.c.alarm_id == bindparam("of_alarm"),
        or_(_others.c.ended_at.is_(None), _others.c.ended_at > pages.c.ended_at),
        LEFT_TO_OTHERS,
    )
    .order_by(_others.c.created_at, _others.c.id)
)


def left_to_others(tx: Connection, alarm_id: str) -> dict[str, Left]:
    """The calls that this alarm has left, and that have done something for others since, by call."""
    found: dict[str, Left] = {}
    for row in tx.execute(_LEFT_BY, {"of_alarm": alarm_id}):
        found.setdefault(row.call_id, Left(row.ended_at, row.why)).others.append(row.other)
    return found


def has_reached(page: Any, delivered_when: str) -> bool:
    """Whether the delivered call of a page of an open alarm, as :func:`of_alarm` gives it, told of the alarm.

    Where a key was asked for, the one that acknowledges has closed the alarm: any other that the call was
    delivered by leaves it to its next people.
    """
    is_delivered = page.state == PageState.CALLING and page.call_state == CallState.DELIVERED
    return is_delivered and (page.call_proof or delivered_when) != DeliveredWhen.ACKNOWLEDGED


_OF_ALARM = Prepared(
    select(
        pages,
        _calls.c.state.label("call_state"),
        _calls.c.created_at.label("call_created_at"),
        _calls.c.outcome.label("call_outcome"),
        _calls.c.delivered_when.label("call_proof"),
        _calls.c.due_at.label("call_due_at"),
    )
    .outerjoin(_calls, _calls.c.id == pages.c.call_id)
    .where(pages.c.alarm_id == bindparam("of_alarm"), pages.c.round >= bindparam("since_round"))
    .order_by(pages.c.round, pages.c.step, pages.c.line, pages.c.position, pages.c.created_at, pages.c.id)
)


def of_alarm(tx: Connection, alarm_id: str, since_round: int = 0) -> Sequence[Any]:
    """The alarm's pages of a round and those after it, with the states of their calls (``call_state``)."""
    return _OF_ALARM.all(tx, of_alarm=alarm_id, since_round=since_round)
