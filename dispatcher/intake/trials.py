"""Test alarms: they call people as an alarm does, past whatever keeps alarms quiet."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from dispatcher.domain.vocabulary import TEST, DeliveredWhen, Severity
from dispatcher.errors import Fault, Refused
from dispatcher.intake import alarms
from dispatcher.intake.alarm_request import MOST_RECIPIENTS, AlarmRequest
from dispatcher.requests import AckDigits, MessageSpec, Recipient, RetrySpec, Schema, Word
from dispatcher.work import Work

SUMMARY = "Test alarm"


class TrialRequest(Schema):
    """Whom a test calls: the people of a policy, or some by themselves."""

    policy: Word | None = Field(None, description="The policy that is tried, all of its steps.")
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MOST_RECIPIENTS)] | None = Field(
        None, examples=[[{"contact": "duty-engineer"}]], description="Whom to call; each is called once."
    )
    message: MessageSpec | None = Field(None, description="What they hear; else the policy's.")
    delivered_when: DeliveredWhen | None = None
    ack_digits: AckDigits | None = None
    severity: Severity = Severity.INFO
    within: Annotated[float, Field(ge=10, le=3600)] = Field(
        300.0, description="Seconds after which nobody is called for it any more."
    )

    @model_validator(mode="after")
    def _calls_somebody(self) -> Self:
        if self.policy is None and self.to is None:
            raise Refused(Fault(("to",), "one of policy and to is needed: they say whom to call"))
        return self


def take(work: Work, request: TrialRequest) -> str:
    """Raise a test alarm and return its id. Raises :class:`Refused`."""
    asked: dict[str, Any] = {
        "summary": SUMMARY,
        "severity": request.severity,
        "policy": request.policy,
        "to": request.to,
        "message": request.message,
        "delivered_when": request.delivered_when,
        "ack_digits": request.ack_digits,
        # Whoever is named is called once; a policy is tried with its own retries.
        "retry": None if request.policy else RetrySpec(max_attempts=1),
        "expires_at": work.now + timedelta(seconds=request.within),
    }
    return alarms.take(work, AlarmRequest(**asked), TEST).alarm_id
