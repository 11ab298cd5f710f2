"""An event row: one change, with its cause."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class EventView(BaseModel):
    """One change of an alarm, campaign, call or trunk, or of a contact or the like."""

    id: int
    at: datetime
    subject: str = Field(description="`alarm`, `campaign`, `call`, `trunk`, `contact`…", examples=["call"])
    subject_id: str = Field(description="Its id or name; of a trunk, `pbx/name`.")
    name: str = Field(description="What happened.", examples=["ringing"])
    cause: str = Field(description="Why, in plain words.", examples=["again at 10:03:20 UTC after busy"])
    alarm_id: str | None
    campaign_id: str | None
    attempt_id: str | None
    data: dict[str, Any] | None


def event_view(row: Any) -> EventView:
    """An event row as it is shown."""
    return EventView(
        id=row.id,
        at=row.at,
        subject=row.subject,
        subject_id=row.subject_id,
        name=row.name,
        cause=row.cause,
        alarm_id=row.alarm_id,
        campaign_id=row.campaign_id,
        attempt_id=row.attempt_id,
        data=row.data,
    )
