"""What a repeat of an alarm changes: when people are called for it and, if it is graver, what they hear."""

from typing import Any

from sqlalchemy import bindparam, select

from dispatcher.domain.vocabulary import AlarmStatus, CallState, PageState, Severity
from dispatcher.escalation.paging import call_waiting
from dispatcher.escalation.recipients import Asked
from dispatcher.escalation.saying import message_of, told_of
from dispatcher.escalation.stepping import pages_since, write
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import lock_calls, wait_again
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_alarms = table(Alarm)
_ALARM = select(_alarms).where(_alarms.c.id == bindparam("of"))


def follow(work: Work, alarm_id: str, newer: AlarmPlan, asked: Asked) -> None:
    """Go on as a repeat of the alarm asks for, which may be graver; ``newer`` is its own plan.

    It says when to call, as long as nobody is called yet. A graver one says so at any time, lest the end of
    the lesser one's hours keep it quiet, and says what is heard, too: in every call that has not been placed.
    """
    row = work.tx.execute(_ALARM, {"of": alarm_id}).mappings().one()
    if row["status"] != AlarmStatus.OPEN:
        return
    plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    changed, is_graver = plan, _is_graver(newer.severity, plan.severity)
    is_held = row["held_why"] is not None and plan.nobody_since is None
    if is_graver or is_held:
        route = {"record_only": newer.record_only, "hours": newer.hours, "timezone": newer.timezone}
        changed = changed.model_copy(update=route)
    is_rerouted = changed != plan
    is_retold = is_graver and asked.message != (plan.message or message_of(row))
    if is_graver:
        changed = changed.model_copy(update={"severity": newer.severity})
    if is_retold:
        told = {"message": asked.message, "delivered_when": asked.delivered_when, "keys": newer.keys}
        changed = changed.model_copy(update=told)
    if changed == plan:
        return
    write(work, alarm_id, plan=changed.document(), **({"next_at": work.now} if is_rerouted else {}))
    work.aftermath.escalate = is_rerouted or work.aftermath.escalate
    if is_retold:
        _tell_anew(work, row, changed)


def _is_graver(one: Severity | None, other: Severity | None) -> bool:
    order = list(Severity)
    return one is not None and other is not None and order.index(one) < order.index(other)


def _tell_anew(work: Work, row: Any, plan: AlarmPlan) -> None:
    """Have those who wait for a call called with the alarm's new message. Others are told by the old call.

    Who is in a call hears it to its end. Steps with a message of their own keep it.
    """
    why = f"the alarm is {plan.severity} now, and its message another"
    change = Change("alarm", row["id"], "message_changed", why, row["id"])
    events.record(work.tx, work.now, [change])
    lock_calls(work.tx, row["id"])
    waits = [
        page
        for page in pages_since(work.tx, row["id"], row["round"])
        if page.state == PageState.CALLING and page.call_state == CallState.QUEUED
        if plan.steps[page.step].message is None
    ]
    for page in waits:
        work.aftermath.add(ledger.withdraw_page(work.tx, work.now, page.id, page.call_id, work.count, why))
    wait_again(work.tx, [page.id for page in waits])
    if waits:
        call_waiting(work.tx, work.now, told_of(work, row, plan, None), waits, why)
        work.aftermath.due = True
