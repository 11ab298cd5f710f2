"""An alarm as its sender asks for it, and what it comes to together with its notification policy."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict
from sqlalchemy import Connection

from dispatcher.config import Settings
from dispatcher.domain.vocabulary import DeliveredWhen, Severity
from dispatcher.errors import Fault, Refused
from dispatcher.escalation.policies import has_keys, policy_named, usual_proof
from dispatcher.intake.notices import LONGEST_SUMMARY
from dispatcher.policies import AlarmPlan, PolicySpec, StepSpec, plan_of_policy
from dispatcher.requests import AckDigits, MessageSpec, Moment, Recipient, RetrySpec, Word

USUAL_ACK_DIGITS = "1"
MOST_RECIPIENTS = 1000
LabelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LabelValue = Annotated[str, StringConstraints(max_length=2000)]

_EXAMPLE: JsonDict = {
    "summary": "Boiler 3 over-pressure",
    "severity": "critical",
    "dedup_key": "boiler-3",
    "to": [{"number": "+31612345678"}, {"extension": "1002"}],
    "message": {"ivr": "6500"},
    "delivered_when": "acknowledged",
    "ack_digits": "1",
    "retry": {"max_attempts": 3, "busy": 30, "no_answer": 60, "not_heard": 20},
    "expires_at": "2026-11-21T08:00:00Z",
    "details": {"site": "north"},
}


class Wish(StrEnum):
    """What the sender says of the alarm's cause."""

    OPEN = "open"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlarmRequest(BaseModel):
    """Raises an alarm; joins the open one with the same ``dedup_key``; resolves it with ``resolved``.

    ``summary`` and one of ``policy`` and ``to`` are required. What is given here goes before what the
    policy says.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    summary: Annotated[
        str | None, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_SUMMARY)
    ] = Field(None, description="What is the matter, in one line. Required, but for `resolved`.")
    status: Wish = Field(Wish.OPEN, description="`open` (or `firing`) raises, `resolved` resolves.")
    severity: Severity = Severity.WARNING
    dedup_key: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, description="Alarms with one key are one alarm while it is open or acknowledged."
    )
    policy: Word | None = Field(None, description="The notification policy that says whom to call, and how.")
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MOST_RECIPIENTS)] | None = Field(
        None, description="Whom to call, all at once."
    )
    message: MessageSpec | None = Field(None, description="What they hear.")
    delivered_when: DeliveredWhen | None = Field(
        None,
        description="What a call must show to count as delivered. Usually `heard`; `acknowledged` where "
        "`ack_digits` are given, and `answered` for a queue or ring group, or where only users are called.",
    )
    ack_digits: AckDigits | None = Field(
        None, description=f"The keys that acknowledge the alarm; usually {USUAL_ACK_DIGITS!r}."
    )
    retry: RetrySpec | None = None
    expires_at: Moment | None = Field(None, description="No call is made after this.")
    labels: Annotated[dict[LabelName, LabelValue], Field(max_length=100)] | None = Field(
        None,
        description="What silences, inhibitions, groups and messages match by.",
        examples=[{"site": "north"}],
    )
    details: dict[str, Any] | None = Field(None, description="Anything else; kept and shown.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.status is Wish.RESOLVED:
            if self.dedup_key is None:
                raise Refused(Fault(("dedup_key",), "needed to resolve: it names the alarm"))
        elif self.summary is None:
            raise Refused(Fault(("summary",), "needed: what is the matter, in one line"))
        elif self.policy is None and self.to is None:
            raise Refused(Fault(("to",), "one of policy and to is needed: they say whom to call"))
        return self


@dataclass(frozen=True, slots=True)
class Plan:
    """What an alarm does: the request's words, else its policy's, else the usual."""

    to: list[Recipient]
    message: MessageSpec
    delivered_when: DeliveredWhen
    ack_digits: str
    retry: RetrySpec
    expires_at: datetime | None
    course: AlarmPlan
    """How it goes on after ``to``, the people of its first step."""

    def for_test(self) -> "Plan":
        """The same people and message, with nothing that waits for hours or a group, and no call shared.

        A key in a test's call must not acknowledge an alarm that is real.
        """
        alone = {"bundle": False, "group": None, "record_only": False, "hours": None}
        quiet_after = {"remind_after": None, "resolved_message": None}
        return replace(self, course=self.course.model_copy(update=alone | quiet_after))


def plan_of(tx: Connection, request: AlarmRequest, settings: Settings, now: datetime) -> Plan:
    """The request and its policy together. Raises :class:`Refused`."""
    policy = None
    if request.policy is not None:
        named = policy_named(tx, settings, request.policy)
        policy = named.as_for(request.severity, request.labels or {})
    faults = []
    message = request.message or (policy.message if policy else None)
    if message is None:
        faults.append(Fault(("message",), "say what is played, or name a policy that says it"))
    if request.expires_at is not None and request.expires_at <= now:
        faults.append(Fault(("expires_at",), f"this is in the past: it is {now:%Y-%m-%dT%H:%M:%SZ}"))
    if message is None or faults:
        raise Refused(*faults)
    course = plan_of_policy(policy, request.severity) if policy else _bare(request)
    if request.to:
        course = course.model_copy(update={"steps": [StepSpec(to=request.to)]})
    to = course.steps[0].to
    delivered_when, ack_digits = _proof(request, policy, message, to)
    return Plan(
        to=to,
        message=message,
        delivered_when=delivered_when,
        ack_digits=ack_digits,
        retry=request.retry or (policy.retry if policy else RetrySpec()),
        expires_at=request.expires_at or _usual_expiry(policy, settings, now),
        course=course,
    )


def _bare(request: AlarmRequest) -> AlarmPlan:
    return AlarmPlan(steps=[], severity=request.severity)


def _usual_expiry(policy: PolicySpec | None, settings: Settings, now: datetime) -> datetime | None:
    seconds = policy.expires_after if policy else None
    if seconds is None:
        seconds = settings.alarms.expires_after
    return None if seconds is None else now + timedelta(seconds=seconds)


def _proof(
    request: AlarmRequest, policy: PolicySpec | None, message: MessageSpec, to: list[Recipient]
) -> tuple[DeliveredWhen, str]:
    """What counts as delivered, and the acknowledging keys."""
    digits = request.ack_digits
    asks_for_key = bool(digits)
    if digits is None and policy is not None:
        digits, asks_for_key = policy.acknowledging, has_keys(policy, to)
    wanted = request.delivered_when or (policy.delivered_when if policy else None)
    if wanted is None:
        wanted = usual_proof(message, to, has_keys=asks_for_key)
    if wanted is DeliveredWhen.ACKNOWLEDGED and not digits:
        if request.ack_digits is not None:
            raise Refused(Fault(("ack_digits",), "acknowledged needs at least one key"))
        digits = USUAL_ACK_DIGITS
    return wanted, digits or ""
