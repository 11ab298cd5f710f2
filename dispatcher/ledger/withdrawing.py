"""The withdrawal of calls that are no longer wanted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, select, update

from dispatcher.domain.vocabulary import LIVE_PHASES, CallKind, CallState, Outcome, Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import Attempt, Call, among, table

_attempts, _calls = table(Attempt), table(Call)


def withdraw(
    tx: Connection,
    now: datetime,
    conditions: Sequence[ColumnElement[bool]],
    count: Count,
    cause: str,
    *,
    state: CallState = CallState.CANCELLED,
    hang_up_answered: bool = False,
) -> Aftermath:
    """Take back calls: queued ones at once, ringing ones by a hang-up, answered ones only if asked.

    An attempt that was claimed but not yet dialled ends here, and the dial worker's guarded update
    then finds nothing to dial.
    """
    queued = _move_queued(tx, now, conditions, state)
    live = [_belongs_to_active(conditions)]
    claimed = _end_claimed(tx, now, live, cause)
    ringing = _mark_for_hang_up(tx, now, live, hang_up_answered)
    stopped = [row.call_id for row in (*claimed, *ringing)]
    if stopped:
        tx.execute(
            update(_calls)
            .where(_calls.c.id.in_(stopped), among(_calls.c.state, CallState.ACTIVE))
            .values(state=state, outcome=Outcome.CANCELLED, updated_at=now)
        )
    taken_back = _taken_back(tx, [*queued, *stopped])
    changes = [
        Change("call", row.id, state, cause=cause, alarm_id=row.alarm_id, campaign_id=row.campaign_id)
        for row in taken_back
    ]
    events.record(tx, now, changes)
    for row in taken_back:
        kind = CallKind.ALARM if row.alarm_id else CallKind.CAMPAIGN
        count.add(catalogue.CALLS, kind, row.outcome)
    return Aftermath(freed={(row.pbx, row.trunk) for row in claimed}, hang_ups=[row.id for row in ringing])


def _move_queued(
    tx: Connection, now: datetime, conditions: Sequence[ColumnElement[bool]], state: CallState
) -> list[str]:
    moved = tx.execute(
        update(_calls)
        .where(*conditions, among(_calls.c.state, CallState.QUEUED))
        .values(state=state, outcome=_outcome_in_queue(state), updated_at=now)
        .returning(_calls.c.id)
    )
    return [row.id for row in moved]


def _outcome_in_queue(state: CallState) -> Any:
    """An expired call keeps its last attempt's outcome, since that is why it was still waiting."""
    if state is CallState.EXPIRED:
        return func.coalesce(_calls.c.outcome, Outcome.CANCELLED)
    return Outcome.CANCELLED


def _belongs_to_active(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists().where(
        _calls.c.id == _attempts.c.call_id, *conditions, among(_calls.c.state, CallState.ACTIVE)
    )


def _end_claimed(
    tx: Connection, now: datetime, conditions: Sequence[ColumnElement[bool]], cause: str
) -> Sequence[Any]:
    ended = tx.execute(
        update(_attempts)
        .where(*conditions, among(_attempts.c.phase, Phase.CLAIMED))
        .values(
            phase=Phase.ENDED,
            outcome=Outcome.CANCELLED,
            cause_text=cause,
            channel_held=False,
            closed_at=now,
            hung_up_at=now,
            freed_at=now,
        )
        .returning(_attempts.c.id, _attempts.c.call_id, _attempts.c.pbx, _attempts.c.trunk)
    )
    return ended.all()


def _mark_for_hang_up(
    tx: Connection, now: datetime, conditions: Sequence[ColumnElement[bool]], answered_too: bool
) -> Sequence[Any]:
    unanswered = [_attempts.c.answered_at.is_(None), _attempts.c.prompt_ended_at.is_(None)]
    marked = tx.execute(
        update(_attempts)
        .where(
            *conditions,
            among(_attempts.c.phase, *LIVE_PHASES),
            _attempts.c.hung_up_at.is_(None),
            *([] if answered_too else unanswered),
        )
        .values(hung_up_at=now)
        .returning(_attempts.c.id, _attempts.c.call_id)
    )
    return marked.all()


def _taken_back(tx: Connection, call_ids: Sequence[str]) -> Sequence[Any]:
    if not call_ids:
        return []
    query = select(_calls.c.id, _calls.c.alarm_id, _calls.c.campaign_id, _calls.c.outcome)
    return tx.execute(query.where(_calls.c.id.in_(call_ids))).all()


def stop_redial(tx: Connection, now: datetime, call_id: str) -> Aftermath:
    """End the attempt that is under way for a call whose earlier attempt turned out delivered."""
    of_call = [_attempts.c.call_id == call_id]
    claimed = _end_claimed(tx, now, of_call, "an earlier attempt turned out delivered")
    ringing = _mark_for_hang_up(tx, now, of_call, answered_too=False)
    return Aftermath(freed={(row.pbx, row.trunk) for row in claimed}, hang_ups=[row.id for row in ringing])
