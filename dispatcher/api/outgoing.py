"""``/v1/webhooks``: who is told what happens, what was sent to them, and what was given up."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response
from sqlalchemy import Connection

from dispatcher.api.answers import json_response, paged, removed
from dispatcher.api.auth import Admin, Operate, Read
from dispatcher.api.context import CoreDep
from dispatcher.api.idempotency import OnceDep
from dispatcher.api.paging import Listed, PageDep
from dispatcher.api.views.outgoing import (
    DeliverySummary,
    DeliveryView,
    Message,
    Replayed,
    WebhookView,
    WebhookWithSecret,
    delivery_summary,
    delivery_view,
    webhook_view,
    webhook_with_secret,
)
from dispatcher.domain.outgoing import Kind
from dispatcher.domain.vocabulary import DeliveryState
from dispatcher.errors import existing
from dispatcher.outgoing import webhooks
from dispatcher.outgoing.webhooks import NewWebhook, Rotation, WebhookChange
from dispatcher.store import deliveries
from dispatcher.store import webhooks as stored
from dispatcher.work import Work

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

described = APIRouter()
"""What we send, for the description of the API."""

Id = Annotated[int, Path(ge=1, le=2**62)]
_NOT_POSSIBLE: dict[int | str, dict[str, Any]] = {
    409: {"description": "Its present state does not allow this."}
}


@described.post("message", status_code=204, responses={422: {"description": "It is sent again, later."}})
def message(
    message: Message,
    webhook_id: Annotated[str, Header(alias="webhook-id", description="The same in every try.")],
    webhook_timestamp: Annotated[
        int, Header(alias="webhook-timestamp", description="Of this try, Unix time.")
    ],
    webhook_signature: Annotated[
        str,
        Header(
            alias="webhook-signature",
            description="`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, with blanks.",
        ),
    ],
) -> None:
    """What webhooks and a campaign's `callback_url` are sent. Any 2xx takes it."""


@router.post("", status_code=201, response_model=WebhookWithSecret, responses=_NOT_POSSIBLE)
def create_webhook(asked: NewWebhook, once: OnceDep, client: Admin) -> Response:
    """Have an address told what happens from now on. The answer holds the secret, this once.

    Every outcome of an alarm, a call, a campaign and a trunk is posted to `url` as Standard Webhooks
    say: JSON with `type`, `timestamp` and `data`, signed in the header `webhook-signature`. 2xx takes
    a message; anything else is tried again for three days.
    """

    def do(work: Work) -> tuple[int, WebhookWithSecret]:
        secret = webhooks.create(work, asked, client.name)
        return 201, webhook_with_secret(_found(work.tx, asked.name), secret)

    return once.answer(do)


@router.get("", response_model=Listed[WebhookView])
def list_webhooks(core: CoreDep, page: PageDep, _client: Read) -> Response:
    """Webhooks by name, without their secrets."""
    with core.store.read() as tx:
        rows = stored.page(tx, page.limit + 1, page.after)
    return paged(page, rows, lambda row: row.name, webhook_view)


@router.get("/deliveries", response_model=Listed[DeliverySummary])
def list_deliveries(
    core: CoreDep,
    page: PageDep,
    _client: Read,
    state: Annotated[
        list[DeliveryState] | None, Query(description="Any of these; `dead` are those that were given up.")
    ] = None,
    webhook: Annotated[str | None, Query(max_length=64)] = None,
    campaign_id: Annotated[str | None, Query(max_length=64)] = None,
    kind: Kind | None = None,
) -> Response:
    """Messages, the newest first. Filters are joined by *and*."""
    before = int(page.after) if page.after is not None and page.after.isdecimal() else None
    with core.store.read() as tx:
        found = deliveries.page(
            tx,
            page.limit + 1,
            before,
            states=state or (),
            webhook=webhook,
            campaign_id=campaign_id,
            kind=kind,
        )
    return paged(page, found, lambda row: str(row.id), delivery_summary)


@router.post("/deliveries/replay", response_model=Replayed, responses=_NOT_POSSIBLE)
def replay_dead(
    once: OnceDep,
    _client: Operate,
    webhook: Annotated[str | None, Query(max_length=64, description="Only those of this one.")] = None,
) -> Response:
    """Send everything again that was given up, but for webhooks that are not active."""
    return once.answer(lambda work: (200, Replayed(replayed=webhooks.replay_dead(work, webhook))))


@router.get("/deliveries/{delivery_id}", response_model=DeliveryView)
def get_delivery(delivery_id: Id, core: CoreDep, _client: Read) -> Response:
    """One message with what it says and how it went."""
    with core.store.read() as tx:
        return json_response(_delivery(tx, delivery_id))


@router.post("/deliveries/{delivery_id}/replay", response_model=DeliveryView, responses=_NOT_POSSIBLE)
def replay(delivery_id: Id, once: OnceDep, _client: Operate) -> Response:
    """Send one message again that was given up, or sent, under the same `webhook-id`."""

    def do(work: Work) -> tuple[int, DeliveryView]:
        webhooks.replay(work, delivery_id)
        return 200, _delivery(work.tx, delivery_id)

    return once.answer(do)


@router.get("/{name}", response_model=WebhookView)
def get_webhook(name: str, core: CoreDep, _client: Read) -> Response:
    """One webhook, without its secret."""
    with core.store.read() as tx:
        return json_response(webhook_view(_found(tx, name)))


@router.patch("/{name}", response_model=WebhookView)
def change_webhook(name: str, asked: WebhookChange, once: OnceDep, client: Admin) -> Response:
    """Change its address or kinds, or make it inactive or active. What waits goes to the new address."""

    def do(work: Work) -> tuple[int, WebhookView]:
        webhooks.change(work, name, asked, client.name)
        return 200, webhook_view(_found(work.tx, name))

    return once.answer(do)


@router.delete("/{name}", status_code=204)
def delete_webhook(name: str, core: CoreDep, client: Admin) -> Response:
    """Delete a webhook with everything that was or is to be sent to it."""
    return removed(core, lambda work: webhooks.remove(work, name, client.name))


@router.post("/{name}/rotate", response_model=WebhookWithSecret)
def rotate_secret(name: str, once: OnceDep, client: Admin, asked: Rotation | None = None) -> Response:
    """A new secret, shown this once. For a while, a day unless said otherwise, both secrets sign."""

    def do(work: Work) -> tuple[int, WebhookWithSecret]:
        secret = webhooks.rotate(work, name, asked or Rotation(), client.name)
        return 200, webhook_with_secret(_found(work.tx, name), secret)

    return once.answer(do)


@router.post("/{name}/test", status_code=202, response_model=DeliveryView, responses=_NOT_POSSIBLE)
def try_webhook(name: str, once: OnceDep, _client: Operate) -> Response:
    """Send a message of the kind `webhook.test`; `/v1/webhooks/deliveries/{id}` says how it went."""

    def do(work: Work) -> tuple[int, DeliveryView]:
        return 202, _delivery(work.tx, webhooks.test(work, name))

    return once.answer(do)


def _found(tx: Connection, name: str) -> Any:
    return existing(stored.find(tx, name), "webhook", name)


def _delivery(tx: Connection, key: int) -> DeliveryView:
    return delivery_view(existing(deliveries.find(tx, key), "delivery", str(key)))
