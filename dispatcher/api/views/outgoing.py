"""Webhooks and what is sent to them. Secrets are shown where they are made, and nowhere else."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.domain.outgoing import Kind
from dispatcher.domain.vocabulary import DeliveryState


class WebhookView(BaseModel):
    """Somebody who is told what happens."""

    name: str = Field(examples=["service-desk"])
    url: str = Field(examples=["https://desk.example.org/hooks/dispatcher"])
    kinds: list[str] = Field(description="What is told; empty for all.", examples=[["alarm.*"]])
    active: bool
    stopped_why: str | None = Field(
        description="Why it was made inactive by itself; null when nobody or somebody did that.",
        examples=["the receiver answered 410 Gone"],
    )
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(WebhookView):
    """A webhook with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class DeliverySummary(BaseModel):
    """A message to one receiver."""

    id: int
    message_id: str = Field(
        description="The header `webhook-id`: the same in every try.",
        examples=["msg_01936a4e-7c1f-7b8e-8e0a-5d2f3c4b5a69"],
    )
    kind: Kind
    webhook: str | None = Field(description="null for a campaign's `callback_url`.")
    campaign_id: str | None = Field(description="Of a message to a campaign's `callback_url`.")
    url: str
    state: DeliveryState = Field(description="`dead`: given up; it can be replayed.")
    tries: int
    next_at: datetime | None = Field(description="When it is tried next; null once it has ended.")
    give_up_at: datetime
    status: int | None = Field(description="The HTTP status of the last answer.")
    problem: str | None = Field(
        description="What was wrong with the last try.", examples=["HTTP 500: out of order"]
    )
    created_at: datetime
    ended_at: datetime | None


class DeliveryView(DeliverySummary):
    """A message with what it says."""

    body: dict[str, Any]


class Message(BaseModel):
    """The body of a message, as Standard Webhooks have it."""

    type: Kind
    timestamp: datetime = Field(description="When it happened.")
    data: dict[str, Any] = Field(
        description="The event's id and cause, and its subject as the message was written.",
        examples=[
            {
                "event_id": 4711,
                "cause": "key 1 by Ann Jansen",
                "alarm": {"id": "01936a4e-7c1f-7b8e-8e0a-5d2f3c4b5a69", "status": "acknowledged"},
            }
        ],
    )


class Replayed(BaseModel):
    """How many messages wait again."""

    replayed: int


_OF_DELIVERY = (
    "id",
    "message_id",
    "kind",
    "webhook",
    "campaign_id",
    "url",
    "state",
    "tries",
    "next_at",
    "give_up_at",
    "status",
    "created_at",
    "ended_at",
)


def _webhook_members(row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "url": row.url,
        "kinds": row.kinds or [],
        "active": row.active,
        "stopped_why": row.stopped_why or None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def webhook_view(row: Any) -> WebhookView:
    """A webhook's row as it is shown."""
    return WebhookView(**_webhook_members(row))


def webhook_with_secret(row: Any, secret: str) -> WebhookWithSecret:
    """A webhook's row with the secret that was just made."""
    return WebhookWithSecret(**_webhook_members(row), secret=secret)


def _delivery_members(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _OF_DELIVERY} | {"problem": row.problem or None}


def delivery_summary(row: Any) -> DeliverySummary:
    """A message's row as lists show it."""
    return DeliverySummary(**_delivery_members(row))


def delivery_view(row: Any) -> DeliveryView:
    """A message's row with what it says."""
    return DeliveryView(**_delivery_members(row), body=json.loads(row.body))
