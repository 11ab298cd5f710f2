"""Claims that nobody has dialled in time: given back, so that the pacer decides anew."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from dispatcher.domain.facts import Facts, join
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import CallState, Outcome, Phase
from dispatcher.ledger import measures
from dispatcher.store import attempts, calls, events
from dispatcher.store.attempts import Case
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.work import Work

_log = logging.getLogger(__name__)

LASTS = timedelta(seconds=60)
"""A claim is dialled within this time, or not at all.

What the pacer has found when it claimed (the calling window is open, the campaign runs, the alarm has not
expired, whoever is called may be called now) need not hold any more when no worker was there to dial.
"""

_CLAIMED = Prepared(
    select(attempts.attempts.c.id).where(
        AnyOf(attempts.attempts.c.id, "ids"), attempts.attempts.c.phase == Phase.CLAIMED
    )
)


def still_claimed(tx: Connection, ids: Sequence[str]) -> list[str]:
    """Those of these attempts that nobody has begun to dial."""
    return [row.id for row in _CLAIMED.all(tx, ids=ids)]


def give_back(work: Work, ids: Sequence[str]) -> None:
    """End those of these attempts that were claimed too long ago, and let their calls wait as before.

    It costs the calls nothing, and says nothing of the trunk. Attempts in any other phase are left alone.
    Where the clocks of two machines are further apart than a claim lasts, each new claim looks too old; what
    is claimed after one was given back is dialled, so that people are called all the same.
    """
    cases = [
        case
        for case in attempts.lock_by_id(work.tx, work.core.ledger.requests, ids)
        if case.phase is Phase.CLAIMED and not is_fresh(case.claimed_at, work.now)
    ]
    if cases:
        _log.warning(
            "%d claims are given back, since no worker dialled them for a minute; "
            "if that goes on, the clocks of the machines differ",
            len(cases),
        )
    for case in cases:
        _end(case, work)
    attempts.save(work.tx, [(case, work.now) for case in cases])
    waiting = [case for case in cases if case.call_state is CallState.ACTIVE]
    calls.change(work.tx, work.now, [_queued(case, work.now) for case in waiting])
    events.record(work.tx, work.now, [_change(case) for case in waiting])
    work.aftermath.freed |= {(case.pbx, case.trunk) for case in cases}
    work.aftermath.due = work.aftermath.due or bool(waiting)


def is_fresh(claimed_at: datetime, now: datetime) -> bool:
    """Whether a claim may be dialled; one from the future was made before the clock was set back."""
    return now - LASTS <= claimed_at <= now + LASTS


def _end(case: Case, work: Work) -> None:
    before = case.facts
    waited = abs((work.now - case.claimed_at).total_seconds())
    why = f"no worker dialled it for {waited:.0f} s"
    case.facts = join(before, Facts(closed_at=work.now, cause=Reason.NEVER_PLACED, cause_text=why))
    case.phase, case.outcome, case.channel_held = Phase.ENDED, Outcome.UNREACHABLE, False
    measures.count_outcome(work.count, case, None)


def _queued(case: Case, now: datetime) -> CallChange:
    """Due since it was when it was claimed; by a clock that was set back since, now."""
    due_at = now if case.claimed_at > now else None
    spent, free = case.attempts_spent, case.free_failures
    return CallChange(case.call_id, case.call_state, CallState.QUEUED, case.call_outcome, spent, free, due_at)


def _change(case: Case) -> Change:
    return Change(
        "call",
        case.call_id,
        CallState.QUEUED,
        cause=f"attempt {case.ordinal} is given back: {case.facts.cause_text}",
        alarm_id=case.alarm_id,
        campaign_id=case.campaign_id,
        attempt_id=case.attempt_id,
    )
