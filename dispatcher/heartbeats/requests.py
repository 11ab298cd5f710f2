"""What a heartbeat is asked to be, and the alarm that its silence raises."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dispatcher.config.fields import Name
from dispatcher.domain.vocabulary import DeliveredWhen, Severity
from dispatcher.intake.alarm_request import MOST_RECIPIENTS, AlarmRequest, LabelName, LabelValue, Wish
from dispatcher.intake.notices import LONGEST_SUMMARY
from dispatcher.requests import AckDigits, MessageSpec, Recipient, RetrySpec, Word

LONGEST = 366 * 86_400
DEFAULT_GRACE = 60.0

Every = Annotated[float, Field(ge=1, le=LONGEST, allow_inf_nan=False)]
Grace = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)]
_EVERY = "Seconds from one sign of life to the next; they may come more often."
_GRACE = "So many seconds later than expected is still in time."


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class HeartbeatAlarm(_Asked):
    """The alarm: as in `POST /v1/alarms`, without what the heartbeat says itself."""

    summary: Annotated[
        str | None, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_SUMMARY)
    ] = Field(None, description="Left out: that nothing has been heard, and since when.")
    severity: Severity = Severity.CRITICAL
    policy: Word | None = Field(None, description="The notification policy that says whom to call, and how.")
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MOST_RECIPIENTS)] | None = None
    message: MessageSpec | None = None
    delivered_when: DeliveredWhen | None = None
    ack_digits: AckDigits | None = None
    retry: RetrySpec | None = None
    labels: Annotated[dict[LabelName, LabelValue], Field(max_length=99)] | None = None
    details: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The alarm as the store keeps it."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class NewHeartbeat(_Asked):
    """Something that must be heard of."""

    name: Name = Field(examples=["nightly-backup"])
    every: Every = Field(description=_EVERY, examples=[86_400])
    grace: Grace = Field(DEFAULT_GRACE, description=_GRACE, examples=[3600])
    alarm: HeartbeatAlarm = Field(examples=[{"severity": "critical", "policy": "night-shift"}])


class HeartbeatChange(_Asked):
    """What is to be different; what is left out stays."""

    every: Every | None = Field(None, description=_EVERY, examples=[3600])
    grace: Grace | None = Field(None, description=_GRACE)
    alarm: HeartbeatAlarm | None = Field(None, description="Takes the place of the whole alarm.")


def dedup_key(name: str, due_at: datetime) -> str:
    """The key of the alarm of one silence: each has an alarm of its own."""
    return f"heartbeat:{name}@{due_at.astimezone(UTC).isoformat()}"


def silence(name: str, alarm: dict[str, Any], heard_at: datetime | None, due_at: datetime) -> AlarmRequest:
    """The request that raises the alarm of a silence."""
    since = f" since {heard_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if heard_at is not None else ""
    told = {"heartbeat": name, "heard_at": _text(heard_at), "due_at": _text(due_at)}
    own = {
        "dedup_key": dedup_key(name, due_at),
        "severity": alarm.get("severity", Severity.CRITICAL),
        "summary": alarm.get("summary") or f"No heartbeat of {name}{since}",
        "labels": {"heartbeat": name} | (alarm.get("labels") or {}),
        "details": told | (alarm.get("details") or {}),
    }
    return AlarmRequest.model_validate(alarm | own)


def end_of_silence(name: str, due_at: datetime) -> AlarmRequest:
    """The request that resolves the alarm of a silence."""
    return AlarmRequest(status=Wish.RESOLVED, dedup_key=dedup_key(name, due_at))


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
