"""Pages: who is to be told of which alarm, and which call tells them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, select, update

from dispatcher.domain.vocabulary import AlarmStatus, PageState, Purpose
from dispatcher.store.tables import Alarm, Call, Page, among, table

pages = table(Page)
_alarms, _calls = table(Alarm), table(Call)

CALLED_FOR = pages.alias("called_for")
"""Pages, where a statement about alarms or calls asks for them."""

_ALARMS_OF = (
    select(pages.c.call_id, pages.c.alarm_id)
    .where(pages.c.call_id.in_(bindparam("call_ids", expanding=True)), among(pages.c.purpose, Purpose.ALARM))
    .order_by(pages.c.created_at, pages.c.id)
)
_WANTED = select(pages.c.call_id).where(
    pages.c.call_id.in_(bindparam("call_ids", expanding=True)),
    among(pages.c.state, PageState.CALLING),
    exists().where(_alarms.c.id == pages.c.alarm_id, among(_alarms.c.status, AlarmStatus.OPEN))
    | among(pages.c.purpose, Purpose.RESOLVED),
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
    for row in tx.execute(_ALARMS_OF, {"call_ids": ids}) if ids else ():
        found.setdefault(row.call_id, []).append(row.alarm_id)
    return found


def wanted(tx: Connection, call_ids: Iterable[str]) -> set[str]:
    """Those of these calls that still have somebody to tell of an open alarm, or that one is over."""
    ids = list(call_ids)
    return set(tx.execute(_WANTED, {"call_ids": ids}).scalars()) if ids else set()


def end(tx: Connection, now: datetime, alarm_id: str, why: str) -> None:
    """End the alarm's pages, those that wait and those that are being told alike."""
    tx.execute(_END, {"of_alarm": alarm_id, "new_why": why, "new_ended_at": now})


def lock_calls(tx: Connection, alarm_id: str) -> None:
    """Lock the calls that tell of this alarm, so that nobody joins another alarm to them meanwhile."""
    mine = select(pages.c.call_id).where(pages.c.alarm_id == alarm_id, pages.c.call_id.is_not(None))
    tx.execute(select(_calls.c.id).where(_calls.c.id.in_(mine)).order_by(_calls.c.id).with_for_update()).all()


def only_for(alarm_id: str) -> list[ColumnElement[bool]]:
    """The conditions of a call that tells of this alarm, and of no other that still wants it."""
    mine, others = pages.alias("mine"), pages.alias("others")
    return [
        _calls.c.id.in_(
            select(mine.c.call_id).where(mine.c.alarm_id == alarm_id, mine.c.call_id.is_not(None))
        ),
        ~exists().where(others.c.call_id == _calls.c.id, among(others.c.state, PageState.CALLING)),
    ]


def tells_of(alarm_column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition, inside ``exists().where(…)``, that a call tells of an alarm; joins ``CALLED_FOR``."""
    return (CALLED_FOR.c.alarm_id == alarm_column) & (CALLED_FOR.c.call_id == _calls.c.id)


def of_alarm(tx: Connection, alarm_id: str) -> Sequence[Any]:
    """The alarm's pages with the states of their calls (``call_state``), in order."""
    query = (
        select(pages, _calls.c.state.label("call_state"), _calls.c.outcome.label("call_outcome"))
        .outerjoin(_calls, _calls.c.id == pages.c.call_id)
        .where(pages.c.alarm_id == alarm_id)
        .order_by(pages.c.round, pages.c.step, pages.c.line, pages.c.position)
    )
    return tx.execute(query).all()
