"""Where events are posted, which of them, and signed with what (guide, "Monitor Events via Webhook")."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from dispatcher.simulator.connection import Destination, Lane, Report
from dispatcher.simulator.delivery import Listener, ReportSender
from dispatcher.simulator.settings import DeliverySettings
from dispatcher.simulator.yeastar_p.bodies import PRefusal
from dispatcher.simulator.yeastar_p.words import ALL_EVENTS, PARAMETER

MOST_WEBHOOKS = 5
TIMEOUT, RETRIES = 5, 3
FIELDS = ("url", "secret", "request_method", "event_ids")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An entry of the list."""

    url: str
    secret: str
    request_method: str
    event_ids: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry as a query shows it."""
        return {name: getattr(self, name) for name in FIELDS} | {"event_ids": list(self.event_ids)}

    def wants(self, event: int) -> bool:
        """Whether it posts this event."""
        return event in self.event_ids or ALL_EVENTS in self.event_ids

    def signature(self, body: bytes) -> bytes:
        """The header that signs a body."""
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).digest()
        return b"X-Signature: " + base64.b64encode(digest)


class Post:
    """Posts the events of one webhook, each call's in order."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        webhook: Webhook,
        delivery: DeliverySettings,
        listener: Listener,
    ) -> None:
        self._listener = listener
        self._lanes: dict[str, Lane] = {}
        limited = replace(delivery, max_attempts=RETRIES + 1, gives_up=True)
        self.sender = ReportSender(loop, limited, self._hear, sign=webhook.signature)
        parts = urlsplit(webhook.url)
        self.sender.direct(Destination(parts.hostname or "", parts.port or 80, parts.path or "/"))

    def enqueue(self, report: Report) -> None:
        """Put an event behind those of its call."""
        lane = self._lanes.setdefault(report.callid, Lane())
        self.sender.enqueue(lane, Report(report.callid, report.action, report.body))

    def _hear(self, event: str, report: Report) -> None:
        if event in ("acknowledged", "given_up", "dropped"):
            lane = self._lanes.get(report.callid)
            if lane is not None and not lane.reports:
                del self._lanes[report.callid]
        self._listener(event, report)


class Webhooks:
    """The list of webhooks, which is replaced as a whole."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, delivery: DeliverySettings, listener: Listener
    ) -> None:
        self._make: Callable[[Webhook], Post] = lambda webhook: Post(loop, webhook, delivery, listener)
        self._posts: dict[Webhook, Post] = {}

    @property
    def pending(self) -> int:
        """Events that are still to be posted."""
        return sum(post.sender.pending for post in self._posts.values())

    def shown(self) -> dict[str, Any]:
        """webhook/query."""
        return {
            "enb_webhook_event_push": 1,
            "webhook_event_push_list": [webhook.as_dict() for webhook in self._posts],
            "webhook_event_push_timeout": TIMEOUT,
            "webhook_event_push_retry_count": RETRIES,
        }

    def update(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """webhook/update; Refusal 40002 when an entry lacks something, or there are too many."""
        listed = body.get("webhook_event_push_list")
        if not isinstance(listed, list) or len(listed) > MOST_WEBHOOKS:
            raise PRefusal(PARAMETER)
        wanted = [_webhook(entry) for entry in listed]
        for webhook in [webhook for webhook in self._posts if webhook not in wanted]:
            self._posts.pop(webhook).sender.close()
        for webhook in wanted:
            if webhook not in self._posts:
                self._posts[webhook] = self._make(webhook)
        return {}

    def enqueue(self, report: Report, event: int) -> bool:
        """Post an event to whoever wants it; False when nobody does."""
        wanting = [post for webhook, post in self._posts.items() if webhook.wants(event)]
        for post in wanting:
            post.enqueue(report)
        return bool(wanting)

    def clear(self) -> None:
        """Forget what is still to be posted."""
        for post in self._posts.values():
            post.sender.clear()

    def close(self) -> None:
        """Forget it, and stop."""
        for post in self._posts.values():
            post.sender.close()


def _webhook(entry: Any) -> Webhook:
    if not isinstance(entry, dict) or not all(entry.get(name) for name in FIELDS):
        raise PRefusal(PARAMETER)
    ids = entry["event_ids"]
    if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
        raise PRefusal(PARAMETER)
    return Webhook(str(entry["url"]), str(entry["secret"]), str(entry["request_method"]), tuple(ids))
