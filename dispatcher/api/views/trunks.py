"""A trunk: its limits, what it carries, and how it is."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.domain.pacing import TrunkLoad, shut_by


class Health(StrEnum):
    """How a trunk is, in a word."""

    UP = "up"
    PAUSED = "paused"
    DOWN = "down"
    BLOCKED = "blocked"
    TRYING = "trying"
    """It was blocked, and one call tries whether it works again."""


class InUse(BaseModel):
    """Channels in use now."""

    ours: int
    others: int = Field(description="Calls on the trunk that are not ours.")


class TrunkHealth(BaseModel):
    """What keeps the trunk from dialling, and what the PBX says of it."""

    state: Health
    blocked_until: datetime | None = Field(description="After failures in a row, nothing is dialled before.")
    blocked_why: str | None
    down_why: str | None = Field(description="Why nothing can go out on it, as far as its PBX shows.")
    failures_in_row: int
    pbx_status: str | None = Field(description="In the PBX's own words.", examples=["Registered"])
    pbx_usable: bool | None = Field(description="What that means; null when the PBX does not know.")
    checked_at: datetime | None


class TrunkView(BaseModel):
    """A trunk of a PBX."""

    pbx: str
    name: str
    channels: int
    reserved_for_alarms: int
    calls_per_second: float | None = Field(description="null: unlimited.")
    paused: bool
    channels_in_use: InUse
    health: TrunkHealth


def trunk_view(row: Any, load: TrunkLoad, now: datetime) -> TrunkView:
    """A trunk's row and load as they are shown."""
    blocked = row.blocked_until is not None and row.blocked_until > now
    shut = shut_by(load, now)
    state = Health(shut) if shut else Health.TRYING if load.trying is not None else Health.UP
    return TrunkView(
        pbx=row.pbx,
        name=row.name,
        channels=row.channels,
        reserved_for_alarms=row.reserved_for_alarms,
        calls_per_second=row.calls_per_second,
        paused=row.paused,
        channels_in_use=InUse(ours=load.alarms + load.campaigns, others=load.others),
        health=TrunkHealth(
            state=state,
            blocked_until=row.blocked_until if blocked else None,
            blocked_why=(row.blocked_why or None) if blocked or load.trying is not None else None,
            down_why=load.down or None,
            failures_in_row=row.failures_in_row,
            pbx_status=row.pbx_status or None,
            pbx_usable=row.pbx_usable,
            checked_at=row.checked_at,
        ),
    )
