"""Expiry, the end of campaigns, and pruning what is old."""

from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, delete, exists, or_, select, update

from dispatcher.core import Core, write_counts
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    CampaignStatus,
    Disposition,
)
from dispatcher.ledger import alarms
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.metrics.counting import Count
from dispatcher.store import campaigns, deliveries, events, pages
from dispatcher.store.events import Change
from dispatcher.store.tables import (
    Alarm,
    Call,
    Campaign,
    Event,
    ForeignCall,
    IdempotencyKey,
    RawReport,
    among,
    table,
)
from dispatcher.work import Work, carry_out

_alarms, _calls, _campaigns = table(Alarm), table(Call), table(Campaign)
_events, _reports, _foreign = table(Event), table(RawReport), table(ForeignCall)
_idempotency = table(IdempotencyKey)
_BATCH = 500
_IDEMPOTENCY_KEPT = timedelta(days=1)


def expire(core: Core) -> None:
    """End queued calls whose time is over, and the alarms that only waited for them."""
    now = core.clock()
    overdue = select(_calls.c.id, _calls.c.alarm_id).where(
        among(_calls.c.state, CallState.QUEUED), _calls.c.expires_at <= now
    )
    with core.store.read() as tx:
        rows = tx.execute(overdue.limit(_BATCH)).all()
    if not rows:
        return
    with core.store.write() as tx:
        count = Count()
        ids = [row.id for row in rows]
        # An alarm that has joined one meanwhile may have given it more time.
        overdue_still = [_calls.c.id.in_(ids), _calls.c.expires_at <= now]
        withdraw(
            tx,
            now,
            [*overdue_still, among(_calls.c.state, CallState.QUEUED)],
            count,
            "its time is over",
            state=CallState.EXPIRED,
        )
        aftermath = alarms.after_calls(tx, now, [row.id for row in rows if row.alarm_id])
        write_counts(tx, count)
    core.after(aftermath)


def expire_alarms(core: Core) -> None:
    """End open alarms past their time, which no call that waits tells of any more.

    One of which a call tells just now ends with it: whoever has picked up may still take it in hand.
    """
    now = core.clock()
    is_up = pages.any_with(_alarms.c.id, CallState.ACTIVE)
    waits = pages.any_with(_alarms.c.id, CallState.QUEUED)
    overdue = select(_alarms.c.id).where(
        among(_alarms.c.status, AlarmStatus.OPEN), _alarms.c.expires_at <= now, or_(waits, ~is_up)
    )
    with core.store.read() as tx:
        ids = list(tx.execute(overdue.limit(_BATCH)).scalars())
    if not ids:
        return
    for alarm_id in ids:
        carry_out(core, partial(_expire, alarm_id))


def _expire(alarm_id: str, work: Work) -> None:
    work.aftermath.add(alarms.expire(work.tx, work.now, alarm_id, work.count))


def finish_campaigns(core: Core) -> None:
    """Finish running campaigns that have no call left to place, or whose time is over.

    A call may be planned meanwhile: contacts are added, or a late report gives an attempt back. Whoever plans
    one holds the campaign's row, so it is locked first, and whether a call is left is asked by a statement of
    its own: one that had waited for the lock itself would still see what was there before.
    """
    now = core.clock()
    open_calls = exists().where(
        _calls.c.campaign_id == _campaigns.c.id, among(_calls.c.state, *OPEN_CALL_STATES)
    )
    query = select(_campaigns.c.id).where(among(_campaigns.c.status, CampaignStatus.RUNNING), ~open_calls)
    with core.store.read() as tx:
        ids = list(tx.execute(query).scalars())
    if not ids:
        return
    with core.store.write() as tx:
        campaigns.lock(tx, ids)
        finished = tx.execute(
            update(_campaigns)
            .where(_campaigns.c.id.in_(ids), among(_campaigns.c.status, CampaignStatus.RUNNING), ~open_calls)
            .values(status=CampaignStatus.FINISHED, finished_at=now, updated_at=now)
            .returning(_campaigns.c.id)
        ).scalars()
        changes = [
            Change("campaign", key, CampaignStatus.FINISHED, "no call is left to place", campaign_id=key)
            for key in finished
        ]
        events.record(tx, now, changes)
    core.after(Aftermath())


def prune(core: Core) -> None:
    """Delete raw reports, events, messages and answers to idempotent requests that are past their keeping."""
    keep, now = core.settings.retention, core.clock()
    with core.store.write() as tx:
        tx.execute(
            delete(_reports).where(
                _reports.c.received_at < now - timedelta(days=keep.reports_days),
                _reports.c.disposition != Disposition.PENDING,
            )
        )
        tx.execute(delete(_events).where(_events.c.at < now - timedelta(days=keep.events_days)))
        deliveries.prune(tx, now - timedelta(days=keep.deliveries_days))
        tx.execute(delete(_foreign).where(_foreign.c.ended_at < now - timedelta(days=1)))
        _forget_answers(tx, core)


def _forget_answers(tx: Connection, core: Core) -> None:
    tx.execute(delete(_idempotency).where(_idempotency.c.created_at < core.clock() - _IDEMPOTENCY_KEPT))
