"""What a repeat of an alarm changes: when people are called for it and, if it is graver, what they hear."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import bindparam, select, update

from dispatcher.domain.vocabulary import AlarmStatus, CallState, PageState, Purpose, Severity
from dispatcher.escalation import silences
from dispatcher.escalation.paging import call_waiting
from dispatcher.escalation.recipients import Asked
from dispatcher.escalation.saying import message_of, told_of
from dispatcher.escalation.stepping import pages_since, write
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan, KeysBefore
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import lock_calls, pages, wait_again
from dispatcher.store.quiet import labels_of
from dispatcher.store.tables import Alarm, Call, among, table
from dispatcher.work import Work

_alarms = table(Alarm)
_calls = table(Call)
_ALARM = select(_alarms).where(_alarms.c.id == bindparam("of"))
_WAITED_FOR = select(pages.c.call_id).where(
    pages.c.alarm_id == bindparam("of"),
    among(pages.c.state, PageState.CALLING),
    among(pages.c.purpose, Purpose.ALARM),
)
_AT = bindparam("at", type_=_calls.c.due_at.type)
_AT_ONCE = (
    update(_calls)
    .where(among(_calls.c.state, CallState.QUEUED), _calls.c.due_at > _AT, _calls.c.id.in_(_WAITED_FOR))
    .values(due_at=_AT)
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a repeat says of its alarm, and how people are to be called for it."""

    severity: Severity
    summary: str
    details: dict[str, Any] | None
    labels: dict[str, str] | None
    """None where it says nothing of them, and they stay as they were."""
    plan: AlarmPlan
    """Its own, by which a first alarm like it would go on."""
    asked: Asked
    ack_digits: str

    @property
    def columns(self) -> dict[str, Any]:
        """What the alarm's row says from now on."""
        said = {"severity": self.severity, "summary": self.summary, "details": self.details}
        return said if self.labels is None else said | {"labels": self.labels}


def follow(work: Work, alarm_id: str, said: Said) -> None:
    """Go on as a repeat of the alarm asks for, which may be graver.

    It says when to call, as long as nobody is called yet. A graver one says so at any time, lest the end of
    the lesser one's hours keep it quiet, and says what is heard, too: in every call that has not been placed.
    Silences and inhibitions match it as it is now. Nobody is called for one that somebody has in hand; but
    its reminder goes by what has been said since.
    """
    row = dict(work.tx.execute(_ALARM, {"of": alarm_id}).mappings().one())
    try:
        plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    except ValidationError:
        # The repeat counts all the same; whoever looks at the alarm leads it past its plan.
        write(work, alarm_id, **said.columns)
        return
    is_open = row["status"] == AlarmStatus.OPEN
    rerouted = _rerouted(row, plan, said)
    changed = _retold(row, rerouted, said, work.now)
    is_matched_anew = labels_of(row | said.columns) != labels_of(row)
    is_retold = changed.keys_before != plan.keys_before
    values = said.columns | ({"plan": changed.document()} if changed != plan else {})
    if is_retold:
        values["ack_digits"] = said.ack_digits
    if plan.steps and is_open and (is_matched_anew or rerouted != plan):
        values["next_at"] = work.now
        work.aftermath.escalate = True
    write(work, alarm_id, **values)
    silences.feel_changed(work, row, row | said.columns)
    if is_retold:
        _tell_anew(work, row | values, changed)
    if changed.severity != plan.severity:
        _call_at_once(work, alarm_id)


def _rerouted(row: Mapping[str, Any], plan: AlarmPlan, said: Said) -> AlarmPlan:
    """The plan with the hours in which the repeat calls, where they count."""
    is_held = row["held_why"] is not None and plan.nobody_since is None
    if not is_held and not _is_graver(said.severity, plan.severity):
        return plan
    newer = said.plan
    route = {"record_only": newer.record_only, "hours": newer.hours, "timezone": newer.timezone}
    return plan.model_copy(update=route)


def _retold(row: Mapping[str, Any], plan: AlarmPlan, said: Said, now: datetime) -> AlarmPlan:
    """The plan as a graver repeat has it told: a message and its keys go together."""
    if not _is_graver(said.severity, plan.severity):
        return plan
    told: dict[str, Any] = {"severity": said.severity}
    was = plan.message or message_of(row), plan.keys, row["ack_digits"]
    if (said.asked.message, said.plan.keys, said.ack_digits) != was:
        before = KeysBefore(until=now, ack_digits=row["ack_digits"], keys=plan.keys)
        heard = {"message": said.asked.message, "delivered_when": said.asked.delivered_when}
        told |= heard | {"keys": said.plan.keys, "keys_before": [*plan.keys_before, before]}
    return plan.model_copy(update=told)


def _is_graver(one: Severity | None, other: Severity | None) -> bool:
    order = list(Severity)
    return one is not None and other is not None and order.index(one) < order.index(other)


def _tell_anew(work: Work, row: Any, plan: AlarmPlan) -> None:
    """Have those who wait for a call called with the alarm's new message. Others are told by the old call.

    Who is in a call hears it to its end. Steps with a message of their own keep it.
    """
    why = f"the alarm is {plan.severity} now, and its message or its keys are others"
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


def _call_at_once(work: Work, alarm_id: str) -> None:
    """Have those called at once who wait for a call: what it waits for may not count for a graver alarm.

    Whether their limits let it ring now is for the pacer to say again.
    """
    lock_calls(work.tx, alarm_id)
    at = work.now + work.core.ledger.settle
    if work.tx.execute(_AT_ONCE, {"of": alarm_id, "at": at}).rowcount:
        work.aftermath.due = True
