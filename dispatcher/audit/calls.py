"""Calls and their attempts: that each agrees with the other."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exists, func, select, update

from dispatcher.audit.invariant import MOST, Invariant, Means, carry_out
from dispatcher.audit.queues import heads
from dispatcher.core import Core
from dispatcher.domain.facts import NOTHING, Facts
from dispatcher.domain.vocabulary import (
    LIVE_PHASES,
    AlarmStatus,
    CallState,
    CampaignStatus,
    Outcome,
    Phase,
)
from dispatcher.ledger import alarms as ledger_alarms
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store import calls as calls_store
from dispatcher.store import events
from dispatcher.store.attempts import attempts, calls, lock_by_id
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.tables import HELD, Alarm, Campaign, among, table

_alarms, _campaigns = table(Alarm), table(Campaign)
_IS_LIVE = among(attempts.c.phase, *LIVE_PHASES)
_OF_CALL = attempts.c.call_id == calls.c.id
_ENDED = (CallState.DELIVERED, CallState.FAILED, CallState.CANCELLED, CallState.EXPIRED)

ACTIVE_ALONE = select(calls.c.id).where(
    among(calls.c.state, CallState.ACTIVE), ~exists().where(_OF_CALL, _IS_LIVE)
)
# Asked from the few attempts that hold a channel, never from all calls.
_STATE = select(calls.c.state).where(_OF_CALL).scalar_subquery()
QUEUED_BUT_DIALLED = select(attempts.c.call_id).where(HELD, _IS_LIVE, among(_STATE, CallState.QUEUED))
# A delivered call may be up for as long as people talk, and one that is being hung up for a moment.
ENDED_BUT_DIALLED = select(attempts.c.id).where(
    HELD,
    _IS_LIVE,
    attempts.c.hung_up_at.is_(None),
    among(_STATE, *_ENDED),
    ~(among(attempts.c.phase, Phase.UP) & among(_STATE, CallState.DELIVERED)),
)


def _told(row: Any, name: str, why: str, attempt_id: str | None = None) -> Change:
    return Change(
        "call",
        row.id,
        name,
        cause=f"found by the auditor: {why}",
        alarm_id=row.alarm_id,
        campaign_id=row.campaign_id,
        attempt_id=attempt_id,
    )


def _locked(tx: Connection, ids: Sequence[str], *conditions: Any) -> Sequence[Any]:
    return tx.execute(select(calls).where(calls.c.id.in_(ids), *conditions).with_for_update()).all()


def _active_alone(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(ACTIVE_ALONE.limit(MOST)).scalars())


def _bring_on(means: Means, ids: Sequence[str]) -> int:
    """Take the step that an active call without a live attempt has missed."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        aftermath = Aftermath(due=True)
        rows = _locked(tx, ids, among(calls.c.state, CallState.ACTIVE), ~exists().where(_OF_CALL, _IS_LIVE))
        for row in rows:
            events.record(tx, core.clock(), [_told(row, "mended", "it was active and nothing was under way")])
            aftermath.add(_next_step(core, tx, row, count))
        return len(rows), aftermath

    return carry_out(core, mending)


def _next_step(core: Core, tx: Connection, row: Any, count: Count) -> Aftermath:
    now = core.clock()
    last = tx.execute(
        select(attempts.c.id).where(attempts.c.call_id == row.id, attempts.c.ordinal == row.attempts_made)
    ).scalar()
    if last is not None:
        return _decide_again(core, tx, last, count)
    may_have_been_called = row.attempts_made > 0 and row.campaign_id is not None
    state = CallState.FAILED if may_have_been_called else CallState.QUEUED
    change = CallChange(
        row.id,
        CallState.ACTIVE,
        state,
        Outcome.UNKNOWN if may_have_been_called else row.outcome,
        row.attempts_spent,
        row.free_failures,
        None if may_have_been_called else now,
    )
    calls_store.change(tx, now, [change])
    why = "its last attempt is not in the store" if row.attempts_made else "it was never dialled"
    events.record(tx, now, [_told(row, state, why)])
    if state is CallState.QUEUED and not _is_wanted(tx, row):
        return ledger_alarms.withdraw(tx, now, [calls.c.id == row.id], count, "nobody waits for it any more")
    return Aftermath(due=True)


def _decide_again(core: Core, tx: Connection, attempt_id: str, count: Count) -> Aftermath:
    """Let the ledger decide what follows from an attempt that has ended, as if it ended now."""
    now = core.clock()
    [case] = lock_by_id(tx, core.ledger.requests, [attempt_id])
    case.outcome = None
    news = NOTHING if case.facts.ended_at is not None else Facts(closed_at=now)
    aftermath = core.ledger.enter(tx, now, [News(case, news)], count)
    # The attempt was counted when it ended.
    for series in [series for series in count.increments if series[0] == catalogue.ATTEMPTS.name]:
        del count.increments[series]
    return aftermath


def _is_wanted(tx: Connection, row: Any) -> bool:
    if row.alarm_id is not None:
        status = tx.execute(select(_alarms.c.status).where(_alarms.c.id == row.alarm_id)).scalar()
        return status == AlarmStatus.OPEN
    status = tx.execute(select(_campaigns.c.status).where(_campaigns.c.id == row.campaign_id)).scalar()
    return status not in (CampaignStatus.CANCELLED, CampaignStatus.FINISHED)


def _queued_but_dialled(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(QUEUED_BUT_DIALLED.limit(MOST)).scalars())


def _activate(means: Means, ids: Sequence[str]) -> int:
    """Make a call active of which an attempt is under way: the pacer would claim it a second time."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        now = core.clock()
        rows = _locked(tx, ids, among(calls.c.state, CallState.QUEUED), exists().where(_OF_CALL, _IS_LIVE))
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
        events.record(tx, now, [_told(row, "active", "an attempt of it is under way") for row in rows])
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
    return select(func.max(attempts.c.ordinal)).where(_OF_CALL).scalar_subquery()


def _number() -> Any:
    return select(func.count()).select_from(attempts).where(_OF_CALL).scalar_subquery()


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
        rows = _locked(tx, ids, func.coalesce(_made(), 0) > calls.c.attempts_made)
        if rows:
            tx.execute(
                update(calls).where(calls.c.id.in_([row.id for row in rows])).values(attempts_made=_made())
            )
        why = "it has more attempts than were counted"
        events.record(tx, core.clock(), [_told(row, "mended", why) for row in rows])
        return len(rows), Aftermath(due=bool(rows))

    return carry_out(core, mending)


CALLS = (
    Invariant(
        "active_call_without_attempt",
        "a call is active, and no attempt of it is under way",
        "Look at the call's timeline in the API, and send it with the log of that time",
        _active_alone,
        _bring_on,
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
