"""Taking the step that a call has missed: it is active, and nothing of it is under way."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exists, select

from dispatcher.audit.invariant import Means, carry_out
from dispatcher.core import Core
from dispatcher.domain.facts import NOTHING, Facts
from dispatcher.domain.vocabulary import LIVE_PHASES, CallState, CampaignStatus, Outcome
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store import calls as calls_store
from dispatcher.store import events, pages
from dispatcher.store.attempts import attempts, calls, lock_by_id
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.tables import Campaign, among, table

_campaigns = table(Campaign)
IS_LIVE = among(attempts.c.phase, *LIVE_PHASES)
OF_CALL = attempts.c.call_id == calls.c.id


def told(row: Any, name: str, why: str, attempt_id: str | None = None) -> Change:
    """An event of a call's row, for what was found and done."""
    return Change(
        "call",
        row.id,
        name,
        cause=f"found by the auditor: {why}",
        alarm_id=row.alarm_id,
        campaign_id=row.campaign_id,
        attempt_id=attempt_id,
    )


def locked(tx: Connection, ids: Sequence[str], *conditions: Any) -> Sequence[Any]:
    """The calls of these ids that still are as they were found, locked."""
    return tx.execute(select(calls).where(calls.c.id.in_(ids), *conditions).with_for_update()).all()


def bring_on(means: Means, ids: Sequence[str]) -> int:
    """Take the step that an active call without a live attempt has missed."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        aftermath = Aftermath(due=True)
        rows = locked(tx, ids, among(calls.c.state, CallState.ACTIVE), ~exists().where(OF_CALL, IS_LIVE))
        for row in rows:
            events.record(tx, core.clock(), [told(row, "mended", "it was active and nothing was under way")])
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
    events.record(tx, now, [told(row, state, why)])
    if state is CallState.QUEUED and not _is_wanted(tx, row):
        return withdraw(tx, now, [calls.c.id == row.id], count, "nobody waits for it any more")
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
        return pages.telling(tx, [row.id])[row.id].wanted
    status = tx.execute(select(_campaigns.c.status).where(_campaigns.c.id == row.campaign_id)).scalar()
    return status not in (CampaignStatus.CANCELLED, CampaignStatus.FINISHED)
