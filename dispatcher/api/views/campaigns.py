"""A campaign with how its calls stand, and what became of an upload of contacts."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.api.views.alarms import message_document
from dispatcher.domain.vocabulary import CallState, CampaignStatus, DeliveredWhen, Outcome
from dispatcher.intake.campaigns.progress import Progress
from dispatcher.store.campaigns import Standing


class CampaignSummary(BaseModel):
    """A campaign as lists show it."""

    id: str
    name: str
    status: CampaignStatus
    paused_why: str | None = Field(
        description="Why it was paused by itself; null when somebody has paused it, or nobody.",
        examples=["hq refused 3 calls in a row, the last with errno 10012 (the IVR does not exist)"],
    )
    message: dict[str, Any] = Field(examples=[{"ivr": "6500"}])
    delivered_when: DeliveredWhen
    ack_digits: str
    retry: dict[str, Any] | None
    priority: int
    weight: int
    max_concurrent: int | None
    trunks: list[str] | None = Field(
        description="As `pbx/trunk`, in the order in which they are tried; null: all."
    )
    windows: list[dict[str, Any]] | None
    timezone: str | None
    region: str | None
    expires_at: datetime | None
    callback_url: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: dict[CallState, int] = Field(description="Its calls by state.")
    outcomes: dict[Outcome, int] = Field(description="Its calls that have ended, by their outcome.")


class Rates(BaseModel):
    """How well it goes. Shares are of the calls that have ended."""

    delivered: float | None = Field(description="Share of calls that were delivered.", examples=[0.92])
    answered: float | None = Field(description="Share of calls that a person picked up.", examples=[0.95])
    per_minute: float = Field(description="Attempts that ended per minute, over the last five minutes.")


class CampaignView(CampaignSummary):
    """A campaign with its figures."""

    rates: Rates
    attempts_per_delivery: float | None
    estimated_end: datetime | None = Field(description="By the present rate; null while nothing moves.")


class RowError(BaseModel):
    """A row that was not taken."""

    line: int = Field(description="The line on which the row begins; the first is 1.")
    field: str | None = Field(description="The column; null when the row can't be read.")
    reason: str
    value: str | None = None


class ImportView(BaseModel):
    """What became of the rows of an upload."""

    accepted: int
    duplicate: int = Field(description="Rows with a number that the campaign has already.")
    do_not_call: int = Field(description="Rows with a number that must not be called.")
    invalid: int
    errors: list[RowError] = Field(description="The first thousand invalid rows.")
    errors_truncated: bool


_PLAIN = (
    "id",
    "name",
    "status",
    "delivered_when",
    "ack_digits",
    "retry",
    "priority",
    "weight",
    "max_concurrent",
    "trunks",
    "windows",
    "timezone",
    "region",
    "expires_at",
    "callback_url",
    "created_at",
    "updated_at",
    "started_at",
    "finished_at",
)


def _members(row: Any, standing: Standing) -> dict[str, Any]:
    members: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    members["message"] = message_document(row)
    members["paused_why"] = row.paused_why or None
    members["counts"] = standing.counts
    members["outcomes"] = standing.outcomes
    return members


def campaign_summary(row: Any, standing: Standing) -> CampaignSummary:
    """A campaign's row as lists show it."""
    return CampaignSummary(**_members(row, standing))


def campaign_view(row: Any, standing: Standing, progress: Progress) -> CampaignView:
    """A campaign's row with its figures."""
    return CampaignView(
        **_members(row, standing),
        rates=Rates(
            delivered=progress.delivered_share,
            answered=progress.answered_share,
            per_minute=progress.attempts_per_minute,
        ),
        attempts_per_delivery=progress.attempts_per_delivery,
        estimated_end=progress.estimated_end,
    )
