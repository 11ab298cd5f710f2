"""Which calls keep somebody in their line waiting although they can't be placed, and when to look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from dispatcher.domain.patience import PATIENCE, PATIENCE_LATER, Queued, gives_way_at
from dispatcher.domain.retry import COSTS_NOTHING
from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState, PageState
from dispatcher.pacer.limits import waiting_for_phones
from dispatcher.store.tables import Attempt, Call, table
from dispatcher.store.under_way import is_among, lines_of_alarms

_attempts, _calls = table(Attempt), table(Call)

SOON = timedelta(seconds=15)
"""So often it is looked whether calls that fail by no callee's doing have gone on, while one is dialled."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A page whose call can't be placed for now, and why."""

    page: Any
    why: str


@dataclass(frozen=True, slots=True)
class _Failing:
    """A call whose latest attempts were all no callee's doing: since when, and how many these are."""

    since: datetime
    times: int


def look_at(now: datetime, rows: Iterable[Any]) -> datetime | None:
    """When to look whether a call of these pages can be placed; None where nobody waits for that."""
    return min((_look_at(now, page, patience) for page, patience in _with_others_behind(rows)), default=None)


def _look_at(now: datetime, page: Any, patience: timedelta) -> datetime:
    is_failing = page.call_outcome in COSTS_NOTHING
    if page.call_state == CallState.ACTIVE:
        return now + (SOON if is_failing else PATIENCE)
    since = _called_at(page) if is_failing else max(_called_at(page), page.call_due_at)
    return max(now + SOON, since + patience)


def unplaced(tx: Connection, now: datetime, rows: Iterable[Any]) -> list[Unplaced]:
    """The pages whose calls have kept somebody waiting for long enough.

    A call that waits for its callee's phone is none of them: the callee is being told of another alarm. Nor
    is one that waits for a channel while others are called for alarms there: its turn comes, and its callee's
    next way would have to wait for it as well.
    """
    kept = [one for one in _with_others_behind(rows) if one[0].call_state == CallState.QUEUED]
    ids = [page.call_id for page, _ in kept]
    calls = tx.execute(select(_calls).where(_calls.c.id.in_(ids))).all() if ids else []
    held, limited = waiting_for_phones(tx, now, calls) if calls else (frozenset(), {})
    failing = _failing(tx, calls)
    in_use = lines_of_alarms(tx, now) if calls else set()
    found = []
    for page, patience in kept:
        until = limited.get(page.call_id)
        fails = failing.get(page.call_id)
        if fails is None and until is None and is_among(in_use, page):
            continue
        call = Queued(_called_at(page), page.call_due_at, fails.since if fails else None, until)
        if page.call_id not in held and gives_way_at(call, now, patience) <= now:
            found.append(Unplaced(page, _why(page, call, fails)))
    return found


def _with_others_behind(rows: Iterable[Any]) -> list[tuple[Any, timedelta]]:
    """The pages being called for whose end somebody waits in their line, and how long that is waited for."""
    lines: dict[tuple[int, int, int], list[Any]] = {}
    for page in rows:
        lines.setdefault((page.round, page.step, page.line), []).append(page)
    found = []
    for line in lines.values():
        waiting = [way(page) for page in line if page.state == PageState.WAITING]
        if not waiting:
            continue
        tried = {way(page) for page in line if page.state != PageState.WAITING}
        patience = PATIENCE_LATER if tried.issuperset(waiting) else PATIENCE
        called = [page for page in line if page.state == PageState.CALLING]
        found += [(page, patience) for page in called if page.call_state in OPEN_CALL_STATES]
    return found


def _called_at(page: Any) -> datetime:
    at: datetime = page.called_at or page.created_at
    return at


def way(page: Any) -> tuple[Any, ...]:
    """The telephone that a page's call rings."""
    return page.number, page.extension, page.pbx_user, page.pbx


def _failing(tx: Connection, calls: Sequence[Any]) -> dict[str, _Failing]:
    """The calls whose latest attempts were no callee's doing, whether or not these were charged."""
    ids = [call.id for call in calls if call.outcome in COSTS_NOTHING]
    before = _attempts.alias("before")
    others = select(func.coalesce(func.max(before.c.ordinal), 0)).where(
        before.c.call_id == _attempts.c.call_id,
        or_(before.c.outcome.not_in(sorted(COSTS_NOTHING)), before.c.ringing_at.is_not(None)),
    )
    query = (
        select(
            _attempts.c.call_id,
            func.min(_attempts.c.claimed_at).label("since"),
            func.count().label("times"),
        )
        .where(_attempts.c.call_id.in_(ids), _attempts.c.ordinal > others.scalar_subquery())
        .group_by(_attempts.c.call_id)
    )
    return {row.call_id: _Failing(row.since, row.times) for row in tx.execute(query)} if ids else {}


def _why(page: Any, call: Queued, fails: _Failing | None) -> str:
    if call.limited_until is not None:
        return f"no more calls for alarms are taken there before {call.limited_until:%H:%M:%S} UTC"
    if fails is not None:
        times = "once" if fails.times == 1 else f"{fails.times} times in a row"
        return f"{page.call_outcome} {times}, since {fails.since:%H:%M:%S} UTC"
    return f"no line has taken the call since {max(call.called_at, call.due_at):%H:%M:%S} UTC"
