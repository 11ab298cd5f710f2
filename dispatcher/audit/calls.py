"""Calls and their attempts: that each agrees with the other."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exists, func, select, update

from dispatcher.audit.invariant import MOST, Invariant, Means, carry_out
from dispatcher.audit.missed import IS_LIVE, OF_CALL, bring_on, locked, told
from dispatcher.audit.queues import heads
from dispatcher.core import Core
from dispatcher.domain.facts import Facts
from dispatcher.domain.vocabulary import CallState, Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.metrics.counting import Count
from dispatcher.store import calls as calls_store
from dispatcher.store import events
from dispatcher.store.attempts import attempts, calls, lock_by_id
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.tables import HELD, among

_ENDED = (CallState.DELIVERED, CallState.FAILED, CallState.CANCELLED, CallState.EXPIRED)

ACTIVE_ALONE = select(calls.c.id).where(
    among(calls.c.state, CallState.ACTIVE), ~exists().where(OF_CALL, IS_LIVE)
)
# Asked from the few attempts that hold a channel, never from all calls.
_STATE = select(calls.c.state).where(OF_CALL).scalar_subquery()
QUEUED_BUT_DIALLED = select(attempts.c.call_id).where(HELD, IS_LIVE, among(_STATE, CallState.QUEUED))
# A delivered call may be up for as long as people talk, and one that is being hung up for a moment.
ENDED_BUT_DIALLED = select(attempts.c.id).where(
    HELD,
    IS_LIVE,
    attempts.c.hung_up_at.is_(None),
    among(_STATE, *_ENDED),
    ~(among(attempts.c.phase, Phase.UP) & among(_STATE, CallState.DELIVERED)),
)


def _active_alone(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(ACTIVE_ALONE.limit(MOST)).scalars())


def _queued_but_dialled(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(QUEUED_BUT_DIALLED.limit(MOST)).scalars())


def _activate(means: Means, ids: Sequence[str]) -> int:
    """Make a call active of which an attempt is under way: the pacer would claim it a second time."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        now = core.clock()
        rows = locked(tx, ids, among(calls.c.state, CallState.QUEUED), exists().where(OF_CALL, IS_LIVE))
        calls_store.change(
            tx,
            now,
            [
                CallChange(
                    row.id,
                    CallState.QUEUED,
                    CallState.ACTIVE,
                    row.outcome,
                    row.attempts_spent,
                    row.free_failures,
                )
                for row in rows
            ],
        )
        events.record(tx, now, [told(row, "active", "an attempt of it is under way") for row in rows])
        return len(rows), Aftermath()

    return carry_out(core, mending)


def _ended_but_dialled(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(ENDED_BUT_DIALLED.limit(MOST)).scalars())


def _stop_dialling(means: Means, ids: Sequence[str]) -> int:
    """End what was not dialled yet, and have the rest hung up."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        now = core.clock()
        cases = [
            case
            for case in lock_by_id(tx, core.ledger.requests, ids)
            if case.phase is not Phase.ENDED and case.facts.hung_up_at is None and case.call_state in _ENDED
        ]
        news = [
            News(case, Facts(hung_up_at=now, closed_at=now if case.phase is Phase.CLAIMED else None))
            for case in cases
        ]
        hang_ups = [case.attempt_id for case in cases if case.phase is not Phase.CLAIMED]
        changes = [
            Change(
                "call",
                case.call_id,
                "mended",
                cause="found by the auditor: it has ended, and was still being dialled",
                alarm_id=case.alarm_id,
                campaign_id=case.campaign_id,
                attempt_id=case.attempt_id,
            )
            for case in cases
        ]
        events.record(tx, now, changes)
        aftermath = core.ledger.enter(tx, now, news, count)
        aftermath.hang_ups += hang_ups
        return len(cases), aftermath

    return carry_out(core, mending)


def _made() -> Any:
    return select(func.max(attempts.c.ordinal)).where(OF_CALL).scalar_subquery()


def _number() -> Any:
    return select(func.count()).select_from(attempts).where(OF_CALL).scalar_subquery()


MISCOUNTED_ACTIVE = select(calls.c.id).where(
    among(calls.c.state, CallState.ACTIVE),
    (func.coalesce(_made(), 0) != calls.c.attempts_made) | (_number() != calls.c.attempts_made),
)
_MISCOUNTED = select(calls.c.id).where(func.coalesce(_made(), 0) > calls.c.attempts_made)


def _miscounted(core: Core, tx: Connection) -> Sequence[str]:
    """Calls that are active, or next in their queue, and whose attempts are not 1, 2, 3, … as counted."""
    found = list(tx.execute(MISCOUNTED_ACTIVE.limit(MOST)).scalars())
    waiting = [row.id for row in heads(tx, core.clock())]
    if waiting:
        found += tx.execute(_MISCOUNTED.where(calls.c.id.in_(waiting))).scalars()
    return found[:MOST]


def _recount(means: Means, ids: Sequence[str]) -> int:
    """Count attempts that were not counted: the next claim would give one of their ordinals again."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        rows = locked(tx, ids, func.coalesce(_made(), 0) > calls.c.attempts_made)
        if rows:
            tx.execute(
                update(calls).where(calls.c.id.in_([row.id for row in rows])).values(attempts_made=_made())
            )
        why = "it has more attempts than were counted"
        events.record(tx, core.clock(), [told(row, "mended", why) for row in rows])
        return len(rows), Aftermath(due=bool(rows))

    return carry_out(core, mending)


CALLS = (
    Invariant(
        "active_call_without_attempt",
        "a call is active, and no attempt of it is under way",
        "Look at the call's timeline in the API, and send it with the log of that time",
        _active_alone,
        bring_on,
    ),
    Invariant(
        "queued_call_with_attempt",
        "a call waits in the queue, and an attempt of it is under way",
        "Look at the call's timeline in the API, and send it with the log of that time",
        _queued_but_dialled,
        _activate,
    ),
    Invariant(
        "ended_call_still_dialled",
        "a call has ended, and an attempt of it goes on that nobody has asked the PBX to end",
        "Look at the call's timeline in the API, and send it with the log of that time",
        _ended_but_dialled,
        _stop_dialling,
    ),
    Invariant(
        "attempts_miscounted",
        "a call's attempts are not numbered from 1 to as many as were counted",
        "Rows of the table attempts were deleted, or the database was restored in part",
        _miscounted,
        _recount,
    ),
)
