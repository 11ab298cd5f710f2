"""Notification policies: whom an alarm calls in which order, what they hear, and what their keys do.

The configuration file and the HTTP API read the same schema.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from dispatcher.domain.escalation import USUAL_WAIT, Course
from dispatcher.domain.vocabulary import DeliveredWhen, KeyAction, Severity
from dispatcher.errors import Misfit, Place
from dispatcher.requests import (
    AckDigits,
    MessageSpec,
    Recipient,
    RetrySpec,
    Schema,
    Seconds,
    WindowSpec,
    Word,
    Zone,
)

MOST_STEPS = 20

Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Labels = dict[Word, str]


class Mode(StrEnum):
    """How the people of a step are called: all at the same time, or one after the other."""

    PARALLEL = "parallel"
    HUNT = "hunt"


class Route(StrEnum):
    """What an alarm of some severity does: call at once, or be recorded only."""

    CALL = "call"
    RECORD = "record"


class StepSpec(Schema):
    """One step: whom to call, how, and for how long before the next step begins."""

    to: Annotated[list[Recipient], Field(min_length=1, max_length=1000)]
    """Whom to call."""
    mode: Mode = Field(Mode.PARALLEL, description="`hunt`: one person after the other.")
    wait: Seconds | None = Field(
        None,
        description=f"Seconds before the next step; usually {USUAL_WAIT:g}. It begins at once when everybody "
        "of this one was tried in vain, or nobody of this one can be called and somebody of a later one can.",
    )
    message: MessageSpec | None = Field(None, description="What they hear, if not the policy's message.")


class MessageRule(Schema):
    """A message for alarms of some severities, or with some labels. The first rule that fits is taken."""

    severity: list[Severity] | None = None
    """For alarms of these severities."""
    labels: Labels | None = Field(None, examples=[{"site": "north"}])
    """For alarms with all of these labels."""
    message: MessageSpec
    """What is played in place of the policy's own."""
    keys: dict[Key, KeyAction] | None = Field(
        None,
        description="What keys do in it, if not what the policy's `keys` say.",
        examples=[{"4": "escalate"}],
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.severity and not self.labels:
            raise ValueError("say which alarms it is for: severity, labels, or both")
        return self

    def fits(self, severity: str, labels: dict[str, str]) -> bool:
        """Whether an alarm of this severity and with these labels is meant."""
        if self.severity and severity not in self.severity:
            return False
        return all(labels.get(name) == value for name, value in (self.labels or {}).items())


class OfficeHours(Schema):
    """Calls wait for these hours."""

    windows: Annotated[list[WindowSpec], Field(min_length=1)]
    """The hours, in the policy's `timezone`."""


class GroupSpec(Schema):
    """Alarms with the same values of these labels are told together."""

    by: list[Word] = Field(
        default_factory=list, examples=[["site"]], description="Empty: all of the policy's."
    )
    wait: Seconds = Field(30.0, description="Seconds from the first alarm to the first call.")
    interval: Seconds = Field(300.0, description="Seconds between two tellings of the same group.")


class PolicySpec(Schema):
    """Whom an alarm calls, what they hear, and how it goes on until somebody has it in hand."""

    to: Annotated[list[Recipient], Field(min_length=1, max_length=1000)] | None = Field(
        None, examples=[[{"number": "+31612345678"}]], description="For a policy of one step."
    )
    steps: Annotated[list[StepSpec], Field(min_length=1, max_length=MOST_STEPS)] | None = None
    """In place of `to`: whom to call first, whom then."""
    repeat: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="How often all steps come again. Where nobody can be called in what is left of a round, "
        "the round takes its waits all the same; whoever comes on call meanwhile is called.",
    )
    message: MessageSpec = Field(examples=[{"ivr": "6500"}])
    """What is played."""
    messages: list[MessageRule] = Field(default_factory=list)
    """Messages for some alarms; the first that fits is played in place of `message`."""
    delivered_when: DeliveredWhen | None = None
    """What ends the calling. Left out, it is the most that can be proven of such calls."""
    ack_digits: AckDigits = "1"
    """The keys that acknowledge."""
    keys: dict[Key, KeyAction] = Field(default_factory=dict, examples=[{"4": "escalate", "6": "resolve"}])
    """What other keys do. Whoever resolves, silences or escalates has answered: the call is delivered."""
    silence_for: Annotated[float, Field(gt=0, le=30 * 86_400)] = Field(
        1800.0, description="Seconds of quiet that the key `silence` brings."
    )
    retry: RetrySpec = Field(RetrySpec(), examples=[{"max_attempts": 3, "busy": 30}])
    """The budget of attempts of each call, and the seconds before the next by outcome."""
    expires_after: Seconds | None = Field(None, gt=0, examples=[3600.0])
    """Seconds from an alarm's start until it is given up; else `alarms.expires_after` holds."""
    severity: dict[Severity, Route | OfficeHours] = Field(
        default_factory=dict, examples=[{"info": "record", "warning": {"windows": []}}]
    )
    """What alarms of a severity do: `call` (unless given), `record` only, or wait for their hours."""
    timezone: Zone = Field("UTC", description="Of the hours that calls wait for.")
    remind_after: Seconds | None = Field(
        None, gt=0, description="Seconds after which an acknowledged, unresolved alarm pages again."
    )
    resolved_message: MessageSpec | None = Field(
        None, description="Those who were told are called back with this when the alarm is resolved."
    )
    bundle: bool = Field(True, description="One call tells a person of all alarms that wait for them.")
    group: GroupSpec | None = None
    """Gathers alarms with the same values of some labels, and tells of them together."""

    @model_validator(mode="after")
    def _calls_somebody(self) -> Self:
        if (self.to is None) == (self.steps is None):
            raise Misfit("exactly one of to and steps is needed", "to" if self.to is None else "steps")
        places: list[tuple[dict[Key, KeyAction] | None, Place]] = [(self.keys, ("keys",))]
        places += [(rule.keys, ("messages", number, "keys")) for number, rule in enumerate(self.messages)]
        for keys, place in places:
            for key, action in (keys or {}).items():
                if key in self.ack_digits and action is not KeyAction.ACKNOWLEDGE:
                    told = f"the key {key} is one of ack_digits, which acknowledge; leave it out there"
                    raise Misfit(told, *place, key)
        return self

    @property
    def all_steps(self) -> list[StepSpec]:
        """The steps, of which a policy with ``to`` has one."""
        return self.steps or [StepSpec(to=self.to or [])]

    @property
    def acknowledging(self) -> str:
        """Every key that acknowledges."""
        more = [key for key, action in self.keys.items() if action is KeyAction.ACKNOWLEDGE]
        return self.ack_digits + "".join(sorted(set(more) - set(self.ack_digits)))

    def as_for(self, severity: str, labels: dict[str, str]) -> Self:
        """The policy for an alarm of this severity and with these labels: with their message and keys."""
        rule = next((rule for rule in self.messages if rule.fits(severity, labels)), None)
        if rule is None:
            return self
        changed: dict[str, Any] = {"message": rule.message}
        if rule.keys is not None:
            changed["keys"] = rule.keys
        return self.model_copy(update=changed)


class KeysBefore(Schema):
    """What keys did in the calls that were made before a repeat was graver: callees know them from there."""

    until: datetime
    ack_digits: str
    keys: dict[Key, KeyAction] = Field(default_factory=dict)


class AlarmPlan(Schema):
    """A policy as one alarm keeps it from its raising on, so that later changes don't reach it."""

    steps: list[StepSpec]
    repeat: int = 0
    keys: dict[Key, KeyAction] = Field(default_factory=dict)
    silence_for: float = 1800.0
    remind_after: float | None = None
    resolved_message: MessageSpec | None = None
    bundle: bool = True
    group: GroupSpec | None = None
    record_only: bool = False
    hours: list[WindowSpec] | None = None
    timezone: str = "UTC"
    severity: Severity | None = None
    """The gravest that its sender has said so far."""
    message: MessageSpec | None = None
    """What is heard since a repeat was graver, where that is not the alarm's own message."""
    delivered_when: DeliveredWhen | None = None
    """What calls with that message must show."""
    keys_before: list[KeysBefore] = Field(default_factory=list)
    """The keys of earlier calls, where repeats have changed them; the oldest first."""
    first_round: int = 0
    """The round at which it began anew, after a silence or an acknowledgement; the rounds count on."""
    asked_at: datetime | None = None
    """When somebody asked to go on, past whatever held the alarm then."""
    gathered_until: datetime | None = None
    """When the group is told that it waits for, or last waited for."""
    nobody_since: datetime | None = None
    """Since when there is nobody to call in what is left of the round."""

    def document(self) -> dict[str, Any]:
        """The plan as the store keeps it."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def keys_in(self, told_from: datetime) -> dict[Key, KeyAction]:
        """What keys do in a call that tells of the alarm since this time."""
        return next((before.keys for before in self.keys_before if told_from < before.until), self.keys)

    @property
    def course(self) -> Course:
        """The plan's shape, as the domain decides by it."""
        last = len(self.steps) - 1
        waits = [
            USUAL_WAIT if step.wait is None and (place < last or self.repeat) else step.wait
            for place, step in enumerate(self.steps)
        ]
        return Course(tuple(waits), rounds=self.first_round + self.repeat + 1)


def plan_of_policy(policy: PolicySpec, severity: Severity) -> AlarmPlan:
    """What an alarm of this severity does by the policy."""
    route = policy.severity.get(severity, Route.CALL)
    return AlarmPlan(
        steps=policy.all_steps,
        repeat=policy.repeat,
        keys=policy.keys,
        silence_for=policy.silence_for,
        remind_after=policy.remind_after,
        resolved_message=policy.resolved_message,
        bundle=policy.bundle,
        group=policy.group,
        record_only=route is Route.RECORD,
        hours=route.windows if isinstance(route, OfficeHours) else None,
        timezone=policy.timezone,
        severity=severity,
    )


def begun_anew(plan: AlarmPlan, at_round: int) -> AlarmPlan:
    """The plan with all of its rounds still to come, of which ``at_round`` is the first."""
    return plan.model_copy(update={"first_round": at_round, "asked_at": None, "nobody_since": None})
