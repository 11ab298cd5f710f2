"""Raising alarms, joining them by their key, and resolving them by it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.domain.vocabulary import AlarmStatus, CallState
from dispatcher.intake.alarm_request import AlarmRequest, Plan, Wish, plan_of
from dispatcher.intake.placing import Placing
from dispatcher.intake.recipients import Asked, Callee, LeftOut, callable_ones, callees
from dispatcher.intake.work import Work
from dispatcher.ledger import alarms as ledger
from dispatcher.metrics import catalogue
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.tables import Alarm, Call, table

_log = logging.getLogger(__name__)

_alarms = table(Alarm)
_calls = table(Call)

_UNTIL_RESOLVED = (AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED)
_STILL_OPEN = text("dedup_key IS NOT NULL AND status IN ('open', 'acknowledged')")
"""The condition of the unique index on ``dedup_key``, word for word."""


def _insert_or_join_on(dialect: Any) -> Any:
    statement = dialect.insert(_alarms)
    newer = statement.excluded
    joined = {
        "occurrences": _alarms.c.occurrences + 1,
        "severity": newer.severity,
        "summary": newer.summary,
        "details": newer.details,
        "updated_at": newer.updated_at,
    }
    return statement.on_conflict_do_update(
        index_elements=["dedup_key"], index_where=_STILL_OPEN, set_=joined
    ).returning(_alarms.c.id)


# Built once: every alarm waits for this statement, and building it takes longer than running it.
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
    plan = plan_of(request, work.core.settings, work.now)
    people, left_out = _people(work, plan, of_policy=not request.to)
    row = _row(work, request, source, plan) | {"status": AlarmStatus.OPEN}
    alarm_id = _insert_or_join(work, row)
    if alarm_id != row["id"]:
        cause = f"raised again by {source}: {row['summary']}"
        events.record(work.tx, work.now, [Change("alarm", alarm_id, "repeated", cause, alarm_id=alarm_id)])
        return Taken(alarm_id, Effect.JOINED)
    _queue_calls(work, row, people)
    _note_left_out(work, row, left_out)
    work.count.add(catalogue.ALARMS, source, request.severity)
    work.aftermath.due = True
    return Taken(alarm_id, Effect.RAISED)


def _people(work: Work, plan: Plan, *, of_policy: bool) -> tuple[list[Callee], list[LeftOut]]:
    """Whom to call, and who of a policy can't be: one mistake in it does not silence the whole alarm."""
    settings = work.core.settings
    asked = Asked(plan.message, plan.delivered_when)
    placing, region = Placing.of(settings), settings.alarms.region
    if of_policy:
        return callable_ones(plan.to, asked, placing, region, ("policy", "to"))
    return callees(plan.to, asked, placing, region, ("to",)), []


def _note_left_out(work: Work, alarm: dict[str, Any], left_out: Sequence[LeftOut]) -> None:
    changes = []
    for one in left_out:
        who = one.recipient.name or one.recipient.value
        cause = f"{who} of policy {alarm['policy']} is not called: {one.error}"
        changes.append(Change("alarm", alarm["id"], "left_out", cause=cause, alarm_id=alarm["id"]))
        _log.warning(
            "alarm %s: to.%d of policy %s is not called: %s",
            alarm["id"],
            one.index,
            alarm["policy"],
            one.error,
        )
    if changes:
        events.record(work.tx, work.now, changes)


def _row(work: Work, request: AlarmRequest, source: str, plan: Plan) -> dict[str, Any]:
    return {
        "id": new_id(),
        "dedup_key": request.dedup_key,
        "severity": request.severity,
        "summary": request.summary,
        "source": source,
        "policy": request.policy,
        "details": request.details,
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
    """Write a new alarm, or refresh the open one with its key; returns which.

    One statement, so that of any number of senders at once the unique index lets one make it and
    the others join.
    """
    statement = _INSERT_OR_JOIN[work.tx.dialect.name]
    return str(work.tx.execute(statement, row).scalar_one())


def _queue_calls(work: Work, alarm: dict[str, Any], people: Sequence[Callee]) -> None:
    common = {
        "alarm_id": alarm["id"],
        "state": CallState.QUEUED,
        "due_at": work.now,
        "created_at": work.now,
        "updated_at": work.now,
        "expires_at": alarm["expires_at"],
        "attempts_made": 0,
        "attempts_spent": 0,
        "free_failures": 0,
    }
    rows = [{"id": new_id(), **common, **person.columns} for person in people]
    work.tx.execute(insert(_calls), rows)
    raised = Change("alarm", alarm["id"], "raised", cause=f"by {alarm['source']}", alarm_id=alarm["id"])
    queued = [
        Change("call", row["id"], CallState.QUEUED, cause="the alarm was raised", alarm_id=alarm["id"])
        for row in rows
    ]
    events.record(work.tx, work.now, [raised, *queued])


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


def resolve(work: Work, alarm_id: str, cause: str) -> bool:
    """Resolve an alarm and withdraw its calls; False when its status does not allow that."""
    values = {"resolved_at": work.now}
    if not ledger.close(work.tx, work.now, alarm_id, AlarmStatus.RESOLVED, cause, values):
        return False
    withdraw(work, alarm_id, f"the alarm was {cause}")
    return True


def withdraw(work: Work, alarm_id: str, cause: str) -> None:
    """Take back the alarm's calls; a call that is being heard is left to end by itself."""
    work.aftermath.add(ledger.withdraw(work.tx, work.now, [_calls.c.alarm_id == alarm_id], work.count, cause))
