"""Which of the due calls for alarms may ring: one for a person at a time, and no more than they take.

Those beyond a person's limits wait until these allow one more; of several the gravest rings first.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from dispatcher.domain.limits import allowed_at
from dispatcher.domain.vocabulary import CallState, Outcome, Severity
from dispatcher.store import events
from dispatcher.store.direct import execute
from dispatcher.store.events import Change
from dispatcher.store.pages import severities
from dispatcher.store.phones import LONGEST_TELLING, phones_of
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import HELD, Attempt, Call, among, table

_attempts, _calls = table(Attempt), table(Call)

NEVER_RANG = (
    Outcome.CONGESTION,
    Outcome.UNREACHABLE,
    Outcome.INVALID_NUMBER,
    Outcome.NOT_PERMITTED,
    Outcome.CANCELLED,
)
"""How attempts end that, unless a report has said otherwise, no phone has rung for."""

_HOUR = timedelta(hours=1)
_MADE = Prepared(
    select(
        _calls.c.callee,
        _calls.c.id.label("call_id"),
        _attempts.c.claimed_at,
        _attempts.c.channel_held,
    )
    .join(_attempts, _attempts.c.call_id == _calls.c.id)
    .where(
        AnyOf(_calls.c.callee, "callees"),
        _calls.c.callee.is_not(None),
        # Its claim is a change of the call: this keeps the calls of all the years before out.
        _calls.c.updated_at > bindparam("since"),
        _attempts.c.claimed_at > bindparam("since"),
        # A person is not bothered by calls that never rang: those of a trunk or a PBX that is away.
        or_(
            HELD,
            _attempts.c.ringing_at.is_not(None),
            _attempts.c.answered_at.is_not(None),
            ~among(_attempts.c.outcome, *NEVER_RANG),
        ),
    )
    .order_by(_attempts.c.claimed_at.desc())
)
_PUT_OFF = (
    update(_calls)
    .where(_calls.c.id == bindparam("of_call"), among(_calls.c.state, CallState.QUEUED))
    .values(due_at=bindparam("new_due_at"))
)
_LOCK = 0x1A2C
_TAKE_LOCKS = (
    "SELECT callee FROM unnest(%s::text[]) AS callee WHERE pg_try_advisory_xact_lock(%s, hashtext(callee))"
)


@dataclass(slots=True)
class _Lately:
    """What one callee's phone has seen: when it was called, newest first, and by which calls it is held."""

    made: list[datetime] = field(default_factory=list)
    holding: set[str] = field(default_factory=set)


def may_ring(tx: Connection, now: datetime, due: Sequence[Any]) -> list[Any]:
    """The calls of ``due`` that may be made now, one for each callee; the others wait.

    Where their callee's limits don't allow them, they are put off until they do, and their timeline says so.
    """
    ours = _locked(tx, due)
    is_shared = tx.dialect.name == "postgresql"
    lately = _lately(tx, now, (row.callee for row in ours if is_shared or _is_limited(row)))
    free = [row for row in ours if not _is_held(row, lately)]
    several = any(number > 1 for number in Counter(row.callee for row in free if row.callee).values())
    until = limited_until(tx, now, free, lately)
    if until:
        _put_off(tx, now, [row for row in free if row.id in until], until)
        free = [row for row in free if row.id not in until]
    return _first_for_each_callee(tx, free) if several else free


def limited_until(
    tx: Connection, now: datetime, rows: Sequence[Any], lately: dict[str, _Lately] | None = None
) -> dict[str, datetime]:
    """Until when their callees' limits don't allow these calls to be made, by call; without those allowed.

    An alarm's call that tells of a critical alarm is allowed sooner once the hour's calls are used up.
    """
    limited = [row for row in rows if _is_limited(row)]
    if not limited:
        return {}
    made = _made_to(tx, now, limited, lately or {})

    def at(row: Any, *, is_critical: bool) -> datetime:
        limits = row.most_per_minute, row.most_per_hour
        return allowed_at(made[row.id], now, *limits, is_critical=is_critical)

    found = {row.id: row for row in limited if at(row, is_critical=False) > now}
    graves = severities(tx, found)
    until = {
        call_id: at(row, is_critical=Severity.CRITICAL in graves.get(call_id, ()))
        for call_id, row in found.items()
    }
    return {call_id: at for call_id, at in until.items() if at > now}


def waiting_for_phones(
    tx: Connection, now: datetime, rows: Sequence[Any]
) -> tuple[frozenset[str], dict[str, datetime]]:
    """Which of these calls wait for their callee's phone, and until when limits don't allow them."""
    lately = _lately(tx, now, (row.callee for row in rows))
    held = frozenset(row.id for row in rows if _is_held(row, lately))
    return held, limited_until(tx, now, rows, lately)


def _made_to(
    tx: Connection, now: datetime, rows: Sequence[Any], lately: dict[str, _Lately]
) -> dict[str, list[datetime]]:
    """When the person of each of these calls was called, by whichever of their phones, newest first."""
    phones = phones_of(tx, rows)
    known = lately | _lately(tx, now, set().union(*phones.values()) - lately.keys())
    return {
        call_id: sorted((at for callee in theirs for at in known[callee].made), reverse=True)
        for call_id, theirs in phones.items()
    }


def _is_limited(row: Any) -> bool:
    return bool(row.callee and (row.most_per_minute or row.most_per_hour))


def _locked(tx: Connection, due: Sequence[Any]) -> list[Any]:
    """The calls whose callees no other pacer deals with at the same moment.

    Two trunks' pacers see nothing of each other's claims before their commits. Who has a callee's lock reads
    after it what the one before has committed. It is tried for only: a callee who is being called can wait.
    """
    callees = sorted({row.callee for row in due if row.callee})
    if tx.dialect.name != "postgresql" or not callees:
        return list(due)
    taken = {callee for (callee,) in execute(tx, _TAKE_LOCKS, (callees, _LOCK)).fetchall()}
    return [row for row in due if not row.callee or row.callee in taken]


def _lately(tx: Connection, now: datetime, callees: Iterable[str | None]) -> dict[str, _Lately]:
    found = {callee: _Lately() for callee in callees if callee}
    for row in _MADE.all(tx, callees=sorted(found), since=now - _HOUR) if found else ():
        one = found[row.callee]
        one.made.append(row.claimed_at)
        if row.channel_held and row.claimed_at > now - LONGEST_TELLING:
            one.holding.add(row.call_id)
    return found


def _is_held(row: Any, lately: dict[str, _Lately]) -> bool:
    """Whether the callee's phone is in another call; an attempt of this one may be in question."""
    one = lately.get(row.callee or "")
    return one is not None and bool(one.holding - {row.id})


def _first_for_each_callee(tx: Connection, due: Sequence[Any]) -> list[Any]:
    """One call for each callee: the gravest, and of several such the one that has waited longest."""
    order = list(Severity)
    graves = severities(tx, [row.id for row in due])

    def turn(row: Any) -> int:
        return min((order.index(Severity(one)) for one in graves.get(row.id, ())), default=len(order))

    first: dict[str, Any] = {}
    for row in sorted(due, key=turn):
        first.setdefault(row.callee or row.id, row)
    return [row for row in due if first[row.callee or row.id] is row]


def _put_off(tx: Connection, now: datetime, rows: Sequence[Any], until: dict[str, datetime]) -> None:
    changes = []
    for row in rows:
        at = until[row.id]
        tx.execute(_PUT_OFF, {"of_call": row.id, "new_due_at": at})
        why = f"its callee takes no more calls for alarms before {at:%H:%M:%S} UTC"
        changes.append(Change("call", row.id, "limited", why, alarm_id=row.alarm_id))
    events.record(tx, now, changes)
