"""A call with its attempts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.api.views.events import EventView
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import CallState, Disposition, Outcome, Phase
from dispatcher.store.attempts import facts_from


def _is_none(value: Any) -> bool:
    return value is None


def _if_any(description: str) -> Any:
    """A member that is left out when the thing has none."""
    return Field(default=None, exclude_if=_is_none, description=description)


class AttemptView(BaseModel):
    """One dial, with the facts that reports have shown of it. Times are when they were learned."""

    id: str
    ordinal: int = Field(description="1 for the call's first attempt.")
    pbx: str
    trunk: str | None = Field(description="The trunk that the call took; null for an extension of the PBX.")
    phase: Phase = Field(
        description="Where the dial stands; `in_doubt`: nobody knows yet whether it happened."
    )
    outcome: Outcome | None = Field(description="What became of it; null until that is known.")
    callid: str | None = Field(description="The PBX's name of the call.")
    dialed_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    prompt_ended_at: datetime | None
    digits: str | None = Field(description="The keys that were pressed, in order.")
    ended_at: datetime | None
    cause: Reason | None = Field(description="Why it was refused or not answered.")
    cause_text: str | None = Field(description="The same in the PBX's or our own words.")
    talk_seconds: int | None
    recording: str | None = Field(description="The PBX's name of the recording.")


class WithdrawnView(BaseModel):
    """When and why an alarm has left a call that went on for other alarms."""

    at: datetime
    why: str
    goes_on_for: list[str] = Field(description="The ids of those alarms.")


class CallView(BaseModel):
    """One person to reach, for one reason."""

    id: str
    alarm_id: str | None = _if_any("The alarm that it was made for first; it may tell of others too.")
    campaign_id: str | None = _if_any("The campaign that it belongs to.")
    number: str | None = _if_any("The number to reach, E.164.")
    extension: str | None = _if_any("The extension to reach.")
    user: str | None = _if_any("The PBX user to reach.")
    name: str | None
    external_id: str | None
    fields: dict[str, Any] | None = _if_any("Further columns of the contact's row, as imported.")
    state: CallState
    outcome: Outcome | None = Field(description="Of its last attempt that ended.")
    waiting_for: str | None = Field(
        description="What it waits for, in plain words; null once it has ended.",
        examples=["the retry after busy at 10:03:20 UTC"],
    )
    due_at: datetime = Field(description="When its next attempt is due, while it is queued.")
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    attempts: list[AttemptView]
    withdrawn: WithdrawnView | None = _if_any(
        "Among an alarm's calls: the alarm has left this one, which goes on for others. State, outcome and "
        "attempts are then what it was to this alarm; what it is now is at `/v1/calls/{id}`."
    )


class RawReportView(BaseModel):
    """A report as the PBX posted it."""

    id: int
    received_at: datetime
    word: str = Field(description="The PBX's name of the event.")
    disposition: Disposition
    body: str = Field(description="The text as it was received.")


class CallDetail(CallView):
    """A call with everything that is known of it."""

    reports: list[RawReportView]
    timeline: list[EventView]


def attempt_view(row: Any) -> AttemptView:
    """An attempt's row as it is shown."""
    facts = facts_from(row)
    return AttemptView(
        id=row.id,
        ordinal=row.ordinal,
        pbx=row.pbx,
        trunk=row.trunk or None,
        phase=row.phase,
        outcome=row.outcome,
        callid=row.callid,
        dialed_at=row.dialed_at,
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        prompt_ended_at=row.prompt_ended_at,
        digits=facts.digits or None,
        ended_at=facts.ended_at,
        cause=facts.cause,
        cause_text=row.cause_text or None,
        talk_seconds=row.talk_seconds,
        recording=row.recording or None,
    )


def call_members(row: Any, attempts: Sequence[Any], waiting_for: str | None) -> dict[str, Any]:
    """The members of a :class:`CallView`, from a call's row and the rows of its attempts."""
    return {
        "id": row.id,
        "alarm_id": row.alarm_id,
        "campaign_id": row.campaign_id,
        "number": row.number,
        "extension": row.extension,
        "user": row.pbx_user,
        "name": row.name,
        "external_id": row.external_id,
        "fields": row.fields,
        "state": row.state,
        "outcome": row.outcome,
        "waiting_for": waiting_for,
        "due_at": row.due_at,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "attempts": [attempt_view(attempt) for attempt in attempts],
    }


def raw_report_view(row: Any) -> RawReportView:
    """A raw report's row as it is shown."""
    return RawReportView(
        id=row.id,
        received_at=row.received_at,
        word=row.word,
        disposition=row.disposition,
        body=row.body,
    )
