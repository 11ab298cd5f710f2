"""What a call does next: decided from what is known of all its attempts, however that became known."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection

from dispatcher.domain.outcomes import may_have_been_reached
from dispatcher.domain.retry import Finish, History, Made, Redial, Step, history_of, next_step
from dispatcher.domain.vocabulary import CallState, Outcome, TargetKind
from dispatcher.ledger.owners import Standing, reopen, standing_of
from dispatcher.store import calls
from dispatcher.store.attempts import Case, attempts, lock_cases
from dispatcher.store.calls import CallChange
from dispatcher.store.requests import Requests

Move = tuple[Case, CallChange, str]
"""A call's change of state, by the attempt that decides it, and why."""

_OVER = (CallState.FAILED, CallState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Told:
    """An attempt of which something was learned; its row is written already."""

    case: Case
    is_news: bool
    """Whether its outcome is new."""
    may_recount: bool
    """Whether what it costs may have changed."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """The step that a call takes after one of its attempts."""

    case: Case
    step: Step
    history: History


def decide(
    tx: Connection, now: datetime, told: Sequence[Told], requests: Requests, settle: timedelta
) -> list[Move]:
    """The moves of the calls whose attempts have an outcome that is new, or now cost another sum.

    What a call has used is counted anew over all its attempts each time, and is written down here for those
    that make no move. Of several attempts of one call a delivery decides, else the latest.
    """
    by_call: dict[str, list[Told]] = {}
    for one in told:
        if one.may_recount:
            by_call.setdefault(one.case.call_id, []).append(one)
    firsts = {key: ones[0].case for key, ones in by_call.items()}
    histories = _histories(tx, list(firsts.values()))
    decisive = {key: chosen for key, ones in by_call.items() if (chosen := _decisive(ones)) is not None}
    undecided = [case for key, case in firsts.items() if key not in decisive]
    last = _last_attempts(tx, requests, undecided, histories)
    steps = [_step(case, histories[case.call_id], now, now + settle) for case in (*decisive.values(), *last)]
    known = {case.call_id for case in last}
    taken = [step for step in steps if step is not None and not _stays(step, known)]
    redialled = [one.case for one in taken if isinstance(one.step, Redial)]
    if redialled:
        reopen(tx, now, [case for case in redialled if case.call_state in _OVER])
    standing = standing_of(tx, redialled) if redialled else Standing({}, {})
    made = [_move(one, standing, now + settle) for one in taken]
    moves = [move for move in made if move is not None]
    _charge(tx, firsts.values(), histories, {move.call_id for _, move, _ in moves})
    return moves


def _histories(tx: Connection, cases: Sequence[Case]) -> dict[str, History]:
    """What each call has used; a call of one attempt need not be asked for its others."""
    several = [case.call_id for case in cases if case.attempts_made > 1]
    found = calls.attempts_of(tx, several)
    return {
        case.call_id: history_of(
            found.get(case.call_id) or [_made_of(case)],
            case.budget_from,
        )
        for case in cases
    }


def _made_of(case: Case) -> Made:
    inside = case.target.kind is not TargetKind.NUMBER
    return Made(case.ordinal, case.outcome, case.facts.cause, case.facts.ringing_at is not None, inside)


def _decisive(ones: Sequence[Told]) -> Case | None:
    """The attempt whose new outcome decides what its call does next; None if it is an earlier one's."""
    news = sorted((one.case for one in ones if one.is_news), key=lambda case: case.ordinal)
    delivered = [case for case in news if case.outcome is Outcome.DELIVERED]
    if delivered:
        return delivered[-1]
    return news[-1] if news and news[-1].ordinal == news[-1].attempts_made else None


def _last_attempts(
    tx: Connection, requests: Requests, cases: Sequence[Case], histories: dict[str, History]
) -> list[Case]:
    """The last attempts of calls of which an earlier one turned out to cost more, or less, than was thought.

    A call of which an attempt is under way goes on by that one's outcome.
    """
    conditions: list[ColumnElement[bool]] = [
        (attempts.c.call_id == case.call_id) & (attempts.c.ordinal == case.attempts_made)
        for case in cases
        if case.call_state in (*_OVER, CallState.QUEUED)
        and case.attempts_spent != histories[case.call_id].spent
    ]
    return [case for condition in conditions for case in lock_cases(tx, requests, condition)]


def _step(case: Case, history: History, now: datetime, earliest: datetime) -> _Taken | None:
    """What the call does after this attempt, or None when that changes nothing for it."""
    outcome = case.outcome
    if outcome is None or case.call_state is CallState.DELIVERED:
        return None
    if outcome is not Outcome.DELIVERED and case.call_state is CallState.CANCELLED:
        return None
    step = next_step(
        outcome,
        history,
        case.request.retry,
        kind=case.request.kind,
        maybe_reached=may_have_been_reached(case.facts),
        now=now,
        expires_at=case.expires_at,
    )
    if isinstance(step, Redial) and case.call_state is CallState.EXPIRED:
        due_at = max(step.due_at, earliest)
        if case.expires_at is not None and due_at >= case.expires_at:
            step = Finish(CallState.EXPIRED, step.cause, "its time is over")
    return _Taken(case, step, history)


def _stays(taken: _Taken, known: Collection[str]) -> bool:
    """Whether the call waits for its redial already, for an outcome that was known before."""
    waits = taken.case.call_state is CallState.QUEUED and isinstance(taken.step, Redial)
    return waits and taken.case.call_id in known


def _move(taken: _Taken, standing: Standing, earliest: datetime) -> Move | None:
    """The call's change of state; a redial only while its alarm or campaign wants it."""
    case, step, history = taken.case, taken.step, taken.history
    if isinstance(step, Redial) and not standing.wants_calls(case):
        state = case.call_state if case.call_state in _OVER else CallState.CANCELLED
        step = Finish(state, step.cause, standing.why_not(case))
    if isinstance(step, Finish):
        return _finish(case, step, history)
    due_at = max(step.due_at, earliest)
    move = CallChange(
        case.call_id, case.call_state, CallState.QUEUED, step.cause, history.spent, history.free, due_at
    )
    return case, move, f"again at {due_at:%H:%M:%S} UTC after {step.cause}"


def _finish(case: Case, step: Finish, history: History) -> Move | None:
    is_same = step.state is case.call_state and step.outcome is case.call_outcome
    if is_same or step.state not in calls.ALLOWED[case.call_state]:
        return None
    move = CallChange(case.call_id, case.call_state, step.state, step.outcome, history.spent, history.free)
    return case, move, step.why


def _charge(
    tx: Connection, cases: Iterable[Case], histories: Mapping[str, History], moved: Collection[str]
) -> None:
    changed = {
        case.call_id: history
        for case in cases
        if case.call_id not in moved
        and (history := histories[case.call_id]) != History(case.attempts_spent, case.free_failures)
    }
    calls.charge(tx, changed)
