"""Alarms, campaigns and reports: that none of them waits for something that will not come."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, or_, select

from dispatcher.audit.invariant import MOST, Invariant, Means, carry_out
from dispatcher.core import Core
from dispatcher.domain.outcomes import Terms, is_acknowledged
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    CampaignStatus,
    DeliveredWhen,
    Disposition,
    PageState,
)
from dispatcher.ledger import alarms as ledger_alarms
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.withdrawing import withdraw
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store import pages, reports
from dispatcher.store.attempts import facts_from
from dispatcher.store.requests import for_call
from dispatcher.store.tables import Alarm, Attempt, Call, Campaign, RawReport, among, table
from dispatcher.upkeep import housekeeping

_alarms, _calls, _campaigns, _reports = table(Alarm), table(Call), table(Campaign), table(RawReport)
_attempts = table(Attempt)

LINKED_BY = timedelta(seconds=75)
"""A report waits for its call for a minute, and is looked at every two seconds."""

EXPIRED_BY = timedelta(seconds=60)
_OF_CAMPAIGN = and_(_calls.c.campaign_id.is_not(None), _calls.c.campaign_id == _campaigns.c.id)
_MOST_PENDING = 1000
_BATCH = 500

# An alarm that asks for less than a key stays open after a delivery, until somebody resolves it.
ALARMS_WITHOUT_PLAN = select(_alarms.c.id).where(
    among(_alarms.c.status, AlarmStatus.OPEN),
    _alarms.c.next_at.is_(None),
    _alarms.c.held_why.is_(None),
    ~pages.any_with(_alarms.c.id, *OPEN_CALL_STATES),
    or_(
        _alarms.c.delivered_when == DeliveredWhen.ACKNOWLEDGED,
        ~pages.any_with(_alarms.c.id, CallState.DELIVERED),
    ),
)
OVERLOOKED_BY = timedelta(seconds=60)
_IN_HAND = select(_alarms.c.id).where(
    among(_alarms.c.status, AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED), _alarms.c.next_at.is_not(None)
)
RUNNING = select(_campaigns).where(among(_campaigns.c.status, CampaignStatus.RUNNING))
_NOTHING_LEFT = RUNNING.with_only_columns(_campaigns.c.id).where(
    ~exists().where(_OF_CAMPAIGN, among(_calls.c.state, *OPEN_CALL_STATES))
)
# Not by its age: an index by age is longer than that of all that wait.
PENDING = select(_reports.c.id, _reports.c.pbx, _reports.c.received_at).where(
    among(_reports.c.disposition, Disposition.PENDING)
)


def _without_plan(core: Core, tx: Connection) -> Sequence[str]:
    return list(tx.execute(ALARMS_WITHOUT_PLAN.limit(MOST)).scalars())


def _overlooked(core: Core, tx: Connection) -> Sequence[str]:
    late = _IN_HAND.where(_alarms.c.next_at < core.clock() - OVERLOOKED_BY)
    return list(tx.execute(late.limit(MOST)).scalars())


def _end_alarms(means: Means, ids: Sequence[str]) -> int:
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        aftermath = Aftermath()
        left = list(tx.execute(ALARMS_WITHOUT_PLAN.where(_alarms.c.id.in_(ids))).scalars())
        for alarm_id in left:
            aftermath.add(_end_alarm(core, tx, alarm_id, count))
        still = set(tx.execute(ALARMS_WITHOUT_PLAN.where(_alarms.c.id.in_(ids))).scalars())
        return len(set(left) - still), aftermath

    return carry_out(core, mending)


def _end_alarm(core: Core, tx: Connection, alarm_id: str, count: Count) -> Aftermath:
    now = core.clock()
    plan = tx.execute(select(_alarms.c.plan).where(_alarms.c.id == alarm_id)).scalar() or {}
    rows = pages.of_alarm(tx, alarm_id, plan.get("first_round", 0))
    # Who pressed a key to go on has been reached too, and has not acknowledged: their page has ended.
    told = [row for row in rows if row.state == PageState.CALLING and row.call_state == CallState.DELIVERED]
    heard = next((row for row in told if _has_acknowledged(core, tx, alarm_id, row.call_id)), None)
    if heard is not None:
        by = heard.name or heard.number or "the callee"
        cause = f"found by the auditor: {by} had acknowledged it"
        return ledger_alarms.acknowledge(tx, now, alarm_id, count, by=by, cause=cause)
    return ledger_alarms.end_if_exhausted(tx, now, alarm_id)


def _has_acknowledged(core: Core, tx: Connection, alarm_id: str, call_id: str) -> bool:
    """Whether a key came in the call that acknowledges the alarm; other deliveries do not."""
    request = core.ledger.requests.of(tx, [(alarm_id, None)])[alarm_id]
    call = tx.execute(select(_calls).where(_calls.c.id == call_id)).one()
    tried = tx.execute(select(_attempts).where(_attempts.c.call_id == call_id)).all()
    asked = Terms(DeliveredWhen.ACKNOWLEDGED, for_call(request, call).ack_digits)
    return any(is_acknowledged(facts_from(row), asked) for row in tried)


def _without_end(core: Core, tx: Connection) -> Sequence[str]:
    over = _campaigns.c.expires_at < core.clock() - EXPIRED_BY
    late = RUNNING.with_only_columns(_campaigns.c.id).where(over)
    found = [*tx.execute(_NOTHING_LEFT.limit(MOST)).scalars(), *tx.execute(late.limit(MOST)).scalars()]
    return sorted(set(found))[:MOST]


def _finish(means: Means, ids: Sequence[str]) -> int:
    """End the queued calls of campaigns whose time is over, and finish those that have nothing left."""
    core = means.core

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        now = core.clock()
        over = RUNNING.where(_campaigns.c.id.in_(ids), _campaigns.c.expires_at <= now)
        aftermath = Aftermath()
        for row in tx.execute(over).all():
            of_campaign = _calls.c.campaign_id == row.id, among(_calls.c.state, CallState.QUEUED)
            some = [_calls.c.id.in_(select(_calls.c.id).where(*of_campaign).limit(_BATCH))]
            why = "its campaign's time is over"
            aftermath.add(
                withdraw(
                    tx,
                    now,
                    [*some, among(_calls.c.state, CallState.QUEUED)],
                    count,
                    why,
                    state=CallState.EXPIRED,
                )
            )
        return 0, aftermath

    carry_out(core, mending)
    housekeeping.finish_campaigns(core)
    with core.store.read() as tx:
        left = set(tx.execute(RUNNING.with_only_columns(_campaigns.c.id)).scalars())
    return len(set(ids) - left)


def _without_trunk(core: Core, tx: Connection) -> Sequence[str]:
    configured = {f"{pbx}/{trunk}" for pbx, trunk in core.ledger.trunks}
    rows = tx.execute(RUNNING).all()
    return [row.id for row in rows if row.trunks and configured.isdisjoint(row.trunks)][:MOST]


def _late_reports(core: Core, tx: Connection) -> list[Any]:
    rows = tx.execute(PENDING.limit(_MOST_PENDING)).all()
    late = [row for row in rows if row.received_at < core.clock() - LINKED_BY]
    return sorted(late, key=lambda row: row.id)[:MOST]


def _not_entered(core: Core, tx: Connection) -> Sequence[str]:
    left = core.arrivals.left(core.clock() - LINKED_BY, MOST)
    return [f"batch {key}" for key, _ in left]


def _enter(means: Means, ids: Sequence[str]) -> int:
    core = means.core
    means.inbox.enter_left(LINKED_BY)
    with core.store.read() as tx:
        return len(set(ids) - set(_not_entered(core, tx)))


def _unlinked(core: Core, tx: Connection) -> Sequence[str]:
    return [str(row.id) for row in _late_reports(core, tx)]


def _link(means: Means, ids: Sequence[str]) -> int:
    """Look at them again, as upkeep does; those of a PBX that is configured no more belong to nobody."""
    core = means.core
    with core.store.read() as tx:
        before = {str(row.id): row for row in _late_reports(core, tx) if str(row.id) in set(ids)}
    configured = {pbx.name for pbx in core.settings.pbx}
    for pbx in sorted({row.pbx for row in before.values()} & configured):
        means.inbox.revisit(pbx)
    strays = [row.id for row in before.values() if row.pbx not in configured]

    def mending(tx: Connection, count: Count) -> tuple[int, Aftermath]:
        waiting = [row for key in strays for row in reports.pending_one(tx, key)]
        reports.dispose(tx, [(row.id, Disposition.ORPHAN, None) for row in waiting])
        for row in waiting:
            count.add(catalogue.REPORTS, row.pbx, row.word, Disposition.ORPHAN)
        return 0, Aftermath()

    carry_out(core, mending)
    with core.store.read() as tx:
        left = {str(row.id) for row in tx.execute(PENDING.limit(_MOST_PENDING))}
    return len(before.keys() - left)


OWNERS = (
    Invariant(
        "alarm_without_plan",
        "an alarm is open, and no call of it is planned or under way",
        "Look at the alarm's timeline in the API; call the people by hand if it still matters",
        _without_plan,
        _end_alarms,
    ),
    Invariant(
        "alarm_overlooked",
        "an alarm's time to go on to the next person has come over a minute ago",
        "Look at the log of the pacer's process: it says why the alarm can't be taken further",
        _overlooked,
    ),
    Invariant(
        "campaign_without_end",
        "a campaign is running, and has no call left, or its time is over",
        "Look at the log of the pacer's process: its sweeps do not run",
        _without_end,
        _finish,
    ),
    Invariant(
        "campaign_without_trunk",
        "a campaign is running, and none of the trunks that it may use is configured",
        "Configure one of its trunks, or cancel the campaign and make a new one",
        _without_trunk,
    ),
    Invariant(
        "report_unlinked",
        "a report has waited for its call for over a minute",
        "Look at the log of the pacer's process: it says why the report can't be entered",
        _unlinked,
        _link,
    ),
    Invariant(
        "report_not_entered",
        "reports that came in over a minute ago have not been entered",
        "Look at the log of the receiver and of the pacer's process: it says why they can't be entered",
        _not_entered,
        _enter,
    ),
)
