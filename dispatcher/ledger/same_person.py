"""Whoever has heard an alarm, or has handed it on, is not called again for it by what was planned before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from dispatcher.domain.vocabulary import OPEN_CALL_STATES, PageState, Purpose
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.alarms import withdraw_page
from dispatcher.metrics.counting import Count
from dispatcher.store.pages import end_one, pages
from dispatcher.store.tables import Alarm, Call, among, table

_alarms, _calls = table(Alarm), table(Call)

_HEARD = "who has heard it in another call is not called again"


def _is_same(page: Any, other: Any) -> bool:
    """Whether two pages are for one person: a contact, by whichever way, or who has a telephone."""
    if page.contact is not None and page.contact == other.contact:
        return True
    if page.number is not None:
        return bool(page.number == other.number)
    return (page.pbx, page.extension, page.pbx_user) == (other.pbx, other.extension, other.pbx_user)


def after_hearing(tx: Connection, now: datetime, call_id: str, count: Count) -> Aftermath:
    """Call nobody again for the alarms that this call was delivered for, by a proof that is not a key."""
    heard = pages.c.call_id == call_id, among(pages.c.purpose, Purpose.ALARM)
    told = tx.execute(select(pages).where(*heard, among(pages.c.state, PageState.CALLING)))
    aftermath = Aftermath()
    for page in told.all():
        aftermath.add(leave_alone(tx, now, page, count, _HEARD))
    return aftermath


def leave_alone(tx: Connection, now: datetime, page: Any, count: Count, why: str) -> Aftermath:
    """End the alarm's other pages for the person of ``page``; what they have answered is left to end."""
    aftermath = Aftermath()
    if not _others(tx, page):
        return aftermath
    tx.execute(select(_alarms.c.id).where(_alarms.c.id == page.alarm_id).with_for_update()).all()
    for other in _others(tx, page):
        if other.call_id is None:
            end_one(tx, now, other.id, why)
        else:
            aftermath.add(withdraw_page(tx, now, other.id, other.call_id, count, why))
    return aftermath


def _others(tx: Connection, page: Any) -> Sequence[Any]:
    planned = pages.c.alarm_id == page.alarm_id, pages.c.id != page.id, among(pages.c.purpose, Purpose.ALARM)
    query = select(pages).outerjoin(_calls, _calls.c.id == pages.c.call_id).where(*planned, _is_to_come())
    rows = tx.execute(query.order_by(pages.c.call_id, pages.c.id)).all()
    return [other for other in rows if _is_same(page, other)]


def _is_to_come() -> ColumnElement[bool]:
    is_called = and_(among(pages.c.state, PageState.CALLING), among(_calls.c.state, *OPEN_CALL_STATES))
    return or_(among(pages.c.state, PageState.WAITING), is_called)
