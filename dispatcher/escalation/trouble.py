"""An alarm that can't be taken further: it waits by itself, others go on, and in the end it is led past.

What fails may be a schedule that can't be read any more, or a plan that another release has written. After a
few looks in vain the alarm goes on to its next step, as if there were nobody to call in this one: a page
that comes too early is better than none.
"""

import logging
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select

from dispatcher.domain.escalation import Place
from dispatcher.domain.vocabulary import AlarmStatus, Severity
from dispatcher.errors import Refused
from dispatcher.escalation.policies import policy_named
from dispatcher.escalation.stepping import Reach, call_step, go_on, has_begun, write
from dispatcher.ledger import alarms as ledger
from dispatcher.metrics import catalogue
from dispatcher.policies import AlarmPlan, plan_of_policy
from dispatcher.store import events
from dispatcher.store.engine import is_outage
from dispatcher.store.events import Change
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_log = logging.getLogger(__name__)
_alarms = table(Alarm)

LOOKS = 3
"""After so many looks in vain an alarm goes on to its next step."""

LONGEST = timedelta(minutes=5)
"""The longest wait between two looks in vain; they begin with a second and double."""


def put_off(work: Work, alarm_id: str, error: BaseException, looks: int) -> None:
    """Look at an alarm again later, after ``looks`` looks in vain, and tell in its timeline why."""
    at = work.now + min(LONGEST, timedelta(seconds=2.0 ** min(looks - 1, 10)))
    write(work, alarm_id, next_at=at)
    cause = f"it could not be taken further ({_word(error)}), and is looked at again at {at:%H:%M:%S} UTC"
    events.record(work.tx, work.now, [Change("alarm", alarm_id, "stumbled", cause, alarm_id)])
    work.count.add(catalogue.ALARMS_STUMBLED)


def lead_past(work: Work, alarm_id: str, error: BaseException) -> bool:
    """Go on to the step after the one that fails, past all that fail too; False when there is none.

    One that has ended is not looked at any more.

    An alarm whose plan can't be read takes its policy's as it is now, or that of the default policy.
    """
    query = select(_alarms).where(_alarms.c.id == alarm_id).with_for_update()
    row = work.tx.execute(query).mappings().one()
    if row["status"] not in (AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED):
        write(work, alarm_id, next_at=None)
        return True
    if row["status"] == AlarmStatus.ACKNOWLEDGED:
        return False
    plan = _readable(work, row)
    if plan is None:
        cause = "its plan can't be read, nor that of its policy or of a default policy"
        return ledger.close(work.tx, work.now, alarm_id, AlarmStatus.EXHAUSTED, cause)
    here = Place(min(row["step"], len(plan.steps) - 1), row["round"])
    place = plan.course.after(here) if has_begun(work.tx, row) else here
    if place is None:
        return False
    go_on(work, row, plan, place, f"it could not be taken further ({_word(error)})", call=_called)
    return True


def _called(work: Work, row: Any, plan: AlarmPlan, place: Place, why: str, lines: Any) -> Reach:
    """Call the people of one step; it has nobody where that can't be done."""
    attempt = work.tx.begin_nested()
    try:
        reach = call_step(work, row, plan, place, why, lines)
    except Exception as error:
        attempt.rollback()
        if is_outage(error):
            raise
        _log.exception("step %s of alarm %s fails and is passed over", place.step + 1, row["id"])
        cause = f"step {place.step + 1} fails ({_word(error)}), and is passed over"
        events.record(work.tx, work.now, [Change("alarm", row["id"], "passed_over", cause, row["id"])])
        return Reach.NOBODY
    attempt.commit()
    return reach


def _readable(work: Work, row: Any) -> AlarmPlan | None:
    try:
        plan = AlarmPlan.model_validate(row["plan"] or {})
    except ValidationError:
        plan = AlarmPlan(steps=[])
    if plan.steps:
        return plan
    usual = [policy.name for policy in work.core.settings.policy if policy.default]
    for name in [row["policy"], *usual]:
        try:
            policy = policy_named(work.tx, work.core.settings, name or "")
        except (Refused, ValidationError):
            continue
        severity = Severity(row["severity"])
        plan = plan_of_policy(policy.as_for(severity, row["labels"] or {}), severity)
        write(work, row["id"], plan=plan.document())
        return plan
    return None


def _word(error: BaseException) -> str:
    """The kind of error alone: what it says may be meant for nobody but the log."""
    return type(error).__name__
