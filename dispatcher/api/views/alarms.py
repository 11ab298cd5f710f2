"""An alarm, alone in lists and with its calls and timeline by itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.api.views.calls import CallView
from dispatcher.api.views.events import EventView
from dispatcher.domain.escalation import Place
from dispatcher.domain.vocabulary import AlarmStatus, DeliveredWhen, MessageKind, Severity
from dispatcher.policies import AlarmPlan


class AlarmSummary(BaseModel):
    """An alarm as lists show it."""

    id: str
    status: AlarmStatus
    severity: Severity
    summary: str
    source: str = Field(description="What raised it.", examples=["alertmanager"])
    dedup_key: str | None
    policy: str | None
    details: dict[str, Any] | None
    labels: dict[str, str] = Field(description="What silences, inhibitions and groups match.")
    message: dict[str, Any] = Field(
        examples=[{"ivr": "6500"}], description="What is heard; a graver repeat may have changed it."
    )
    first_message: dict[str, Any] | None = Field(
        default=None,
        exclude_if=lambda message: message is None,
        description="What was heard before a graver repeat changed it; left out where none has.",
    )
    delivered_when: DeliveredWhen
    ack_digits: str
    retry: dict[str, Any] | None
    occurrences: int = Field(description="How often it was raised; repeats join the open alarm.")
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    step: int = Field(description="The step of its policy that is under way, 1 for the first.")
    round: int = Field(description="Which time the steps are gone through, 1 for the first.")
    next_at: datetime | None = Field(
        description="When it goes on by itself at the latest: to the next step, or to the end of what holds "
        "it; for an acknowledged alarm, when it pages again."
    )
    held_why: str | None = Field(
        description="Why nobody is called for it now; null when nothing holds it.",
        examples=["silenced by Ann Jansen until 2026-11-21 10:30:00 UTC"],
    )
    call_counts: dict[str, int] = Field(description="Its calls by state.", examples=[{"delivered": 1}])


class NextStep(BaseModel):
    """The step after the one under way, and whom it calls."""

    step: int
    round: int
    to: list[str] = Field(examples=[["group ops", "+31612345678"]])


class AlarmView(AlarmSummary):
    """An alarm with everything that happened for it."""

    next_step: NextStep | None = Field(description="What comes next unless somebody takes it in hand.")

    calls: list[CallView] = Field(
        description="The calls that tell of it, each with what it did for this alarm: one that goes on for "
        "other alarms, where this one no longer needs it, is `cancelled` here, and `withdrawn` says so."
    )
    timeline: list[EventView] = Field(description="Every change of the alarm and its calls, in order.")


def message_document(row: Any) -> dict[str, Any]:
    """An alarm's or campaign's message, as requests write it."""
    document: dict[str, Any] = {row.message_kind: row.message_value}
    if row.message_kind == MessageKind.PROMPT:
        document["count"] = row.message_count
    return document


def _messages(row: Any) -> dict[str, Any]:
    """What is heard now and what it must show, and what was heard before, where repeats have changed it."""
    first, plan = message_document(row), row.plan or {}
    if not plan.get("message"):
        return {"message": first, "delivered_when": row.delivered_when}
    message = dict(plan["message"])
    if MessageKind.PROMPT in message:
        message.setdefault("count", 1)
    proof = plan.get("delivered_when") or row.delivered_when
    if message == first:
        return {"message": first, "delivered_when": proof}
    return {"message": message, "first_message": first, "delivered_when": proof}


def _members(row: Any, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "severity": row.severity,
        "summary": row.summary,
        "source": row.source,
        "dedup_key": row.dedup_key,
        "policy": row.policy,
        "details": row.details,
        "labels": row.labels or {},
        **_messages(row),
        "ack_digits": row.ack_digits,
        "retry": row.retry,
        "occurrences": row.occurrences,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "resolved_at": row.resolved_at,
        "step": row.step + 1,
        "round": row.round + 1,
        "next_at": row.next_at,
        "held_why": row.held_why,
        "call_counts": dict(counts),
    }


def alarm_summary(row: Any, counts: Mapping[str, int]) -> AlarmSummary:
    """An alarm's row as lists show it, with its calls by state."""
    return AlarmSummary(**_members(row, counts))


def alarm_view(row: Any, calls: Sequence[CallView], timeline: Sequence[EventView]) -> AlarmView:
    """An alarm's row with its calls and the events of both."""
    counts: dict[str, int] = {}
    for call in calls:
        counts[call.state] = counts.get(call.state, 0) + 1
    members = _members(row, counts) | {"next_step": _next_step(row)}
    return AlarmView(**members, calls=list(calls), timeline=list(timeline))


def _next_step(row: Any) -> NextStep | None:
    if row.status != AlarmStatus.OPEN or not row.plan:
        return None
    plan = AlarmPlan.model_validate(row.plan)
    following = plan.course.after(Place(row.step, row.round))
    if following is None:
        return None
    people = plan.steps[following.step].to
    told = [one.name or (one.value if one.number else f"{one.kind} {one.value}") for one in people]
    return NextStep(step=following.step + 1, round=following.round + 1, to=told)
