"""One call for all of a person's alarms: what else waits for somebody who is about to be called joins it.

Alarms raised while a phone rings have a call of their own, since what is said to whoever picks up is decided
by then. Once both calls wait, there is no reason for two.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, insert, literal, select, update

from dispatcher.domain.vocabulary import CallState, Outcome, PageState
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.pages import pages
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Call, among, table

_calls = table(Call)
_OTHERS = Prepared(
    select(_calls.c.id, _calls.c.bundle, _calls.c.alarm_id, _calls.c.expires_at)
    .where(
        AnyOf(_calls.c.bundle, "bundles"),
        _calls.c.bundle.is_not(None),
        among(_calls.c.state, CallState.QUEUED),
        ~AnyOf(_calls.c.id, "starting"),
    )
    .order_by(_calls.c.id)
    .with_for_update(skip_locked=True)
)
_PAGES = select(pages).where(pages.c.call_id == bindparam("of_call"))
_ANEW = "its call tells of the alarm in a later step"
_COPIED = tuple(column.name for column in pages.c)


def gather(tx: Connection, now: datetime, starting: Sequence[Any]) -> int:
    """Have these locked alarms' calls tell also what other queued calls of the same bundle would tell.

    Returns how many of those there were: they are over.
    """
    by_bundle = {row.bundle: row for row in starting if row.bundle is not None}
    if not by_bundle:
        return 0
    starting_ids = [row.id for row in by_bundle.values()]
    others = _OTHERS.all(tx, bundles=list(by_bundle), starting=starting_ids)
    for other in others:
        _join(tx, now, by_bundle[other.bundle].id, other)
    return len(others)


def _join(tx: Connection, now: datetime, call_id: str, other: Any) -> None:
    here = {page.alarm_id: page for page in tx.execute(_PAGES, {"of_call": call_id})}
    theirs = [page for page in tx.execute(_PAGES, {"of_call": other.id}) if page.state == PageState.CALLING]
    why = f"call {call_id} tells of it together with others"
    made = []
    for page in theirs:
        known = here.get(page.alarm_id)
        if known is not None and _is_as_late(known, page):
            continue
        again = {"id": new_id(), "call_id": call_id, "called_at": now, "keys_done": ""}
        again |= {} if known is None else _let_go(tx, now, known)
        made.append({name: getattr(page, name) for name in _COPIED} | again)
    ended = {"state": PageState.ENDED, "why": why, "ended_at": now}
    tx.execute(update(pages).where(pages.c.id.in_([page.id for page in theirs])).values(ended))
    if made:
        tx.execute(insert(pages), made)
    _end(tx, now, call_id, other)
    joined = [
        Change("call", call_id, "joined", "it waited in another call", page["alarm_id"]) for page in made
    ]
    events.record(tx, now, [Change("call", other.id, CallState.CANCELLED, why, other.alarm_id), *joined])


def _is_as_late(known: Any, page: Any) -> bool:
    """Whether the call tells of the alarm already, for the same place in its plan or a later one."""
    tells = known.state == PageState.CALLING
    return bool(tells and (known.round, known.step) >= (page.round, page.step))


def _let_go(tx: Connection, now: datetime, known: Any) -> dict[str, Any]:
    """End an earlier page of the call; what it has told of the alarm so far goes on with the later one."""
    left = update(pages).where(pages.c.id == known.id)
    if known.state != PageState.CALLING:
        tx.execute(left.values(call_id=None))
        return {}
    tx.execute(left.values(call_id=None, state=PageState.ENDED, why=_ANEW, ended_at=now))
    return {"called_at": known.called_at, "keys_done": known.keys_done}


def _end(tx: Connection, now: datetime, call_id: str, other: Any) -> None:
    """Take the other call back; who has joined is owed all attempts, as long as either call had time for."""
    over = {"state": CallState.CANCELLED, "outcome": Outcome.CANCELLED, "updated_at": now}
    tx.execute(update(_calls).where(_calls.c.id == other.id).values(over))
    mine = _calls.c.expires_at
    theirs = literal(other.expires_at, mine.type)
    later = None if other.expires_at is None else case((mine < theirs, theirs), else_=mine)
    anew = {"attempts_spent": 0, "budget_from": _calls.c.attempts_made, "expires_at": later}
    tx.execute(update(_calls).where(_calls.c.id == call_id).values(anew))
