"""Raising alarms, joining them by their key, and resolving them by it."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.domain.vocabulary import TEST, AlarmStatus
from dispatcher.errors import Fault, Refused
from dispatcher.escalation import silences
from dispatcher.escalation.advancing import begin
from dispatcher.escalation.lines import Lines, lines_of, lines_or_refused
from dispatcher.escalation.menus import missing_ivr
from dispatcher.escalation.recipients import Asked, Rules, faults_of_message
from dispatcher.escalation.repeats import Said, follow
from dispatcher.escalation.resolving import resolve, take_back
from dispatcher.intake.alarm_request import AlarmRequest, Plan, Wish, plan_of
from dispatcher.ledger import alarms as ledger
from dispatcher.metrics import catalogue
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_log = logging.getLogger(__name__)

_alarms = table(Alarm)

_READ_BY_THEIR_SENDERS = ("api", TEST)
"""The sources whose senders see why an alarm is refused."""
_UNTIL_RESOLVED = (AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED)
_STILL_OPEN = text("dedup_key IS NOT NULL AND status IN ('open', 'acknowledged')")
"""The condition of the unique index on ``dedup_key``, word for word."""


_GIVEN = (
    "id",
    "dedup_key",
    "status",
    "severity",
    "summary",
    "source",
    "policy",
    "details",
    "labels",
    "plan",
    "step",
    "round",
    "message_kind",
    "message_value",
    "message_count",
    "delivered_when",
    "ack_digits",
    "retry",
    "occurrences",
    "created_at",
    "updated_at",
    "expires_at",
)
"""The columns that a new alarm is given."""


def _insert_or_join_on(dialect: Any) -> Prepared:
    statement = dialect.insert(_alarms).values({name: bindparam(f"new_{name}") for name in _GIVEN})
    newer = statement.excluded
    joined = {"occurrences": _alarms.c.occurrences + 1, "updated_at": newer.updated_at}
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=["dedup_key"], index_where=_STILL_OPEN, set_=joined
        ).returning(_alarms.c.id),
        only=dialect.dialect.name,
    )


# Compiled once: every alarm waits for this statement, and that takes longer than running it.
_INSERT_OR_JOIN = {"postgresql": _insert_or_join_on(postgresql), "sqlite": _insert_or_join_on(sqlite)}


class Effect(StrEnum):
    """What a request did."""

    RAISED = "raised"
    JOINED = "joined"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Taken:
    """The alarm that a request led to, and what it did to it."""

    alarm_id: str
    effect: Effect


def take(work: Work, request: AlarmRequest, source: str) -> Taken:
    """Raise, join or resolve an alarm, as the request asks. Raises :class:`Refused`."""
    if request.status is Wish.RESOLVED:
        return _resolve_by_key(work, request, source)
    return _raise(work, request, source)


def _raise(work: Work, request: AlarmRequest, source: str) -> Taken:
    plan = plan_of(work.tx, request, work.core.settings, work.now)
    if source == TEST:
        plan = plan.for_test()
    lines = _people(work, plan, of_policy=not request.to)
    no_ivr = _missing_ivr(work, request, source, plan)
    row = _row(work, request, source, plan) | {"status": AlarmStatus.OPEN}
    alarm_id = _insert_or_join(work, row)
    if alarm_id != row["id"]:
        cause = f"raised again by {source}: {row['summary']}"
        events.record(work.tx, work.now, [Change("alarm", alarm_id, "repeated", cause, alarm_id=alarm_id)])
        asked = Asked(plan.message, plan.delivered_when)
        of_alarm = request.severity, row["summary"], request.details, request.labels
        said = Said(*of_alarm, plan.course, asked, plan.ack_digits)
        follow(work, alarm_id, said)
        return Taken(alarm_id, Effect.JOINED)
    raised = Change("alarm", row["id"], "raised", cause=f"by {source}", alarm_id=row["id"])
    events.record(work.tx, work.now, [raised])
    if no_ivr is not None:
        _note_missing_ivr(work, row, no_ivr)
    if plan.course.resolved_message is not None:
        take_back(work, row)
    begin(work, row, plan.course, lines)
    silences.feel_greater(work, row)
    work.count.add(catalogue.ALARMS, source, request.severity)
    return Taken(alarm_id, Effect.RAISED)


def _missing_ivr(work: Work, request: AlarmRequest, source: str, plan: Plan) -> str | None:
    """Why no PBX can play what is heard first, or None. Raises :class:`Refused` where somebody reads it.

    What comes from a monitoring system is taken all the same: nobody reads the answer to a notification,
    and an IVR made since the PBX was last asked would be played.
    """
    message = plan.course.steps[0].message or plan.message
    why = missing_ivr(work.tx, work.now, work.core.settings, message)
    if why is not None and source in _READ_BY_THEIR_SENDERS:
        raise Refused(Fault(("message", "ivr") if request.message else ("policy",), why))
    return why


def _note_missing_ivr(work: Work, row: dict[str, Any], why: str) -> None:
    _log.warning("alarm %s from %s: %s", row["id"], row["source"], why)
    work.count.add(catalogue.ALARMS_UNKNOWN_IVR, row["source"])
    events.record(work.tx, work.now, [Change("alarm", row["id"], "unknown_ivr", why, row["id"])])


def _people(work: Work, plan: Plan, *, of_policy: bool) -> Lines:
    """Whom to call first, and who of a policy can't be: one mistake in it does not silence the whole alarm.

    Raises :class:`Refused` for people whom the sender has named, and where nobody can ever be called.
    """
    step, rules = plan.course.steps[0], Rules.of(work.core.settings)
    asked = Asked(step.message or plan.message, plan.delivered_when)
    if not of_policy:
        return lines_or_refused(work.tx, work.now, step.to, asked, rules, ("to",))
    found = lines_of(work.tx, work.now, step.to, step.mode, asked, rules)
    is_hopeless = not found.lines and all(not one.is_for_now for one in found.left_out)
    of_message = faults_of_message(asked)
    if of_message or (is_hopeless and len(plan.course.steps) == 1):
        faults = [*of_message, *(one.fault(("policy", "to")) for one in found.left_out)]
        raise Refused(*dict.fromkeys(faults))
    return found


def _row(work: Work, request: AlarmRequest, source: str, plan: Plan) -> dict[str, Any]:
    return {
        "id": new_id(),
        "dedup_key": request.dedup_key,
        "severity": request.severity,
        "summary": request.summary,
        "source": source,
        "policy": request.policy,
        "details": request.details,
        "labels": request.labels,
        "plan": plan.course.document(),
        "step": 0,
        "round": 0,
        "message_kind": plan.message.kind,
        "message_value": plan.message.value,
        "message_count": plan.message.count,
        "delivered_when": plan.delivered_when,
        "ack_digits": plan.ack_digits,
        "retry": plan.retry.document(),
        "occurrences": 1,
        "created_at": work.now,
        "updated_at": work.now,
        "expires_at": plan.expires_at,
    }


def _insert_or_join(work: Work, row: dict[str, Any]) -> str:
    """Write a new alarm, or count a repeat of the open one with its key; returns which.

    One statement, so that of any number of senders at once the unique index lets one make it and
    the others join.
    """
    new = {f"new_{name}": value for name, value in row.items()}
    [written] = _INSERT_OR_JOIN[work.tx.dialect.name].all(work.tx, **new)
    return str(written.id)


def _resolve_by_key(work: Work, request: AlarmRequest, source: str) -> Taken:
    """Resolve the alarm with the request's key, or note that its cause is gone before it was raised."""
    known = _latest(work, request.dedup_key or "")
    if known is not None:
        done = resolve(work, known, f"resolved by {source}")
        return Taken(known, Effect.RESOLVED if done else Effect.UNCHANGED)
    row = _resolved_row(work, request, source)
    work.tx.execute(insert(_alarms).values(row))
    cause = f"{source} says that it is over; it was not open here"
    change = Change("alarm", row["id"], AlarmStatus.RESOLVED, cause, alarm_id=row["id"])
    events.record(work.tx, work.now, [change])
    return Taken(row["id"], Effect.RESOLVED)


def _latest(work: Work, dedup_key: str) -> str | None:
    """The alarm with this key that may still be resolved, else the newest one."""
    of_key = select(_alarms.c.id).where(_alarms.c.dedup_key == dedup_key)
    unresolved = work.tx.execute(of_key.where(_alarms.c.status.in_(_UNTIL_RESOLVED))).scalar()
    return unresolved or work.tx.execute(of_key.order_by(_alarms.c.id.desc()).limit(1)).scalar()


def _resolved_row(work: Work, request: AlarmRequest, source: str) -> dict[str, Any]:
    """An alarm that is over before it began. It calls nobody, so its message is of no account."""
    return {
        "id": new_id(),
        "dedup_key": request.dedup_key,
        "status": AlarmStatus.RESOLVED,
        "severity": request.severity,
        "summary": request.summary or request.dedup_key,
        "source": source,
        "policy": request.policy,
        "details": request.details,
        "labels": request.labels,
        "message_kind": request.message.kind if request.message else "ivr",
        "message_value": request.message.value if request.message else "",
        "message_count": 1,
        "delivered_when": request.delivered_when or "heard",
        "ack_digits": "",
        "occurrences": 1,
        "created_at": work.now,
        "updated_at": work.now,
        "resolved_at": work.now,
    }


def withdraw(work: Work, alarm_id: str, cause: str) -> None:
    """Take back the alarm's calls; a call that is being heard is left to end by itself."""
    work.aftermath.add(ledger.withdraw_alarm(work.tx, work.now, alarm_id, work.count, cause))
