"""Calls as rows, and the one place where a call changes its state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.domain.reasons import Reason
from dispatcher.domain.retry import History, Made, history_of
from dispatcher.domain.vocabulary import CallState, Outcome, TargetKind
from dispatcher.store.bulk import BulkUpdate
from dispatcher.store.pages import tells
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import Attempt, Call, table

calls = table(Call)
_attempts = table(Attempt)

_Q, _A, _D = CallState.QUEUED, CallState.ACTIVE, CallState.DELIVERED
_F, _C, _E = CallState.FAILED, CallState.CANCELLED, CallState.EXPIRED

ALLOWED: dict[CallState, frozenset[CallState]] = {
    _Q: frozenset({_Q, _A, _D, _F, _C, _E}),
    _A: frozenset({_Q, _D, _F, _C, _E}),
    # A late report may still prove that the call was delivered, or say why it was not.
    _F: frozenset({_D, _F, _Q, _E}),
    _C: frozenset({_D}),
    _E: frozenset({_D, _F, _Q, _E}),
    _D: frozenset(),
}
"""Which states may follow which."""


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call's new state with everything that goes with it."""

    call_id: str
    before: CallState
    state: CallState
    outcome: Outcome | None
    spent: int
    free: int
    due_at: datetime | None = None


_CHANGED = ("state", "outcome", "attempts_spent", "free_failures", "updated_at")
_CHANGE = BulkUpdate(calls, *_CHANGED, was="state")
_REDIAL = BulkUpdate(calls, *_CHANGED, "due_at", was="state")
_CHARGE = BulkUpdate(calls, "attempts_spent", "free_failures")
_MADE = Prepared(
    select(
        _attempts.c.call_id,
        _attempts.c.ordinal,
        _attempts.c.outcome,
        _attempts.c.cause,
        _attempts.c.ringing_at,
        _attempts.c.target_kind,
        _attempts.c.claimed_at,
    ).where(AnyOf(_attempts.c.call_id, "ids"))
)


def change(tx: Connection, now: datetime, changes: Sequence[CallChange]) -> None:
    """Move locked calls to their next state. Raises ``ValueError`` for a move that is not allowed."""
    plain, redials = [], []
    for item in changes:
        if item.state not in ALLOWED[item.before]:
            raise ValueError(f"a call can't go from {item.before} to {item.state}")
        row = {
            "id": item.call_id,
            "was": item.before,
            "state": item.state,
            "outcome": item.outcome,
            "attempts_spent": item.spent,
            "free_failures": item.free,
            "updated_at": now,
        }
        if item.due_at is None:
            plain.append(row)
        else:
            redials.append(row | {"due_at": item.due_at})
    _CHANGE.run(tx, plain)
    _REDIAL.run(tx, redials)


def charge(tx: Connection, histories: Mapping[str, History]) -> None:
    """Write down what the attempts of locked calls have used, where nothing else of the call changes."""
    rows = [
        {"id": key, "attempts_spent": history.spent, "free_failures": history.free}
        for key, history in histories.items()
    ]
    _CHARGE.run(tx, rows)


def attempts_of(tx: Connection, call_ids: Iterable[str]) -> dict[str, list[Made]]:
    """What is known by now of every attempt of these calls."""
    ids = list(call_ids)
    found: dict[str, list[Made]] = {key: [] for key in ids}
    for row in _MADE.all(tx, ids=ids) if ids else ():
        found[row.call_id].append(_made_of(row))
    return found


def spent_for(tx: Connection, page_rows: Sequence[Any]) -> int:
    """How many attempts were charged of those that were made for these pages, by whichever calls."""
    ids = [page.call_id for page in page_rows if page.call_id is not None]
    rows = _MADE.all(tx, ids=ids) if ids else ()
    ours = [
        [_made_of(row) for row in rows if row.call_id == page.call_id and tells(row, page)]
        for page in page_rows
    ]
    return sum(history_of(made).spent for made in ours)


def _made_of(row: Any) -> Made:
    outcome = Outcome(row.outcome) if row.outcome else None
    cause = Reason(row.cause) if row.cause else None
    rang, inside = row.ringing_at is not None, row.target_kind != TargetKind.NUMBER
    return Made(row.ordinal, outcome, cause, rang, inside)
