"""A heartbeat as it is shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.domain.vocabulary import HeartbeatStatus


class HeartbeatView(BaseModel):
    """Something that must be heard of."""

    name: str = Field(examples=["nightly-backup"])
    status: HeartbeatStatus = Field(
        description="`new`: not heard of yet, and not waited for; `down`: silent for too long."
    )
    every: float = Field(description="Seconds from one sign of life to the next.", examples=[86_400.0])
    grace: float = Field(description="So many seconds later is still in time.", examples=[3600.0])
    heard_at: datetime | None = Field(description="The last sign of life.")
    due_at: datetime | None = Field(description="When its silence becomes an alarm, or became one.")
    alarm_id: str | None = Field(description="The alarm of its present silence.")
    alarm: dict[str, Any] = Field(
        description="What is raised.", examples=[{"severity": "critical", "policy": "night-shift"}]
    )
    created_at: datetime
    updated_at: datetime


class Heard(BaseModel):
    """The answer to a sign of life."""

    name: str
    status: HeartbeatStatus
    due_at: datetime | None = Field(description="The next sign is to come before this.")


def heartbeat_view(row: Any) -> HeartbeatView:
    """A heartbeat's row as it is shown."""
    return HeartbeatView(
        name=row.name,
        status=row.status,
        every=row.every_seconds,
        grace=row.grace_seconds,
        heard_at=row.heard_at,
        due_at=row.due_at,
        alarm_id=row.alarm_id,
        alarm=row.alarm,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
