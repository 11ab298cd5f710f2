"""Calls as rows, and the one place where a call changes its state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from dispatcher.domain.vocabulary import CallState, Outcome
from dispatcher.store.bulk import BulkUpdate
from dispatcher.store.tables import Call, table

calls = table(Call)

_Q, _A, _D = CallState.QUEUED, CallState.ACTIVE, CallState.DELIVERED
_F, _C, _E = CallState.FAILED, CallState.CANCELLED, CallState.EXPIRED

ALLOWED: dict[CallState, frozenset[CallState]] = {
    _Q: frozenset({_Q, _A, _D, _F, _C, _E}),
    _A: frozenset({_Q, _D, _F, _C, _E}),
    # A late report may still prove that the call was delivered, or say why it was not.
    _F: frozenset({_D, _F, _Q, _E}),
    _C: frozenset({_D}),
    _E: frozenset({_D, _F, _E}),
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
