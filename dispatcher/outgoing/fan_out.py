"""From event rows to messages: every outcome is written once for everyone who is to be told.

The events are the outbox: they are written in the transaction of what they tell. This reader follows
them by their ids, and writes the messages and how far it has come in one transaction, so that a
message is written exactly once, whatever dies in between and however many readers there are.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from httpx import URL, InvalidURL
from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.domain.outgoing import GIVE_UP_AFTER, OF_CAMPAIGNS, Kind, kind_of, wants
from dispatcher.outgoing.documents import Message, messages
from dispatcher.signals import Subscription, Topic
from dispatcher.store import deliveries, marks, webhooks
from dispatcher.store.engine import is_outage
from dispatcher.store.ids import new_id
from dispatcher.store.tail import Tail

_log = logging.getLogger(__name__)

LEASE = "outgoing"
"""The lease under which one process tells for all."""

MARK = "outgoing"
WATCHED_FOR = 3600.0
"""Seconds after which a transaction that has written events, and still not committed, is not waited for."""

_TICK = 1.0
"""While nobody is to be told, events are not worth a look more often than that."""
_SHORTEST_WAIT = 0.1
_IDLE_STRIDE = 50_000
"""While nobody is to be told, how far it has come is noted once in so many events."""


class FanOut:
    """Writes messages for webhooks and campaigns' ``callback_url``; calls ``on_news`` when there are any."""

    def __init__(
        self,
        core: Core,
        *,
        is_ours: Callable[[], bool] = lambda: True,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self._core = core
        self._is_ours = is_ours
        self._on_news = on_news
        self._subscription: Subscription | None = None
        """Made once somebody is to be told: until then nobody need say that there are events."""
        self._stopping = threading.Event()
        self._has_readers = False

    def run(self) -> None:
        """Work until :meth:`stop`; without the database it waits for it."""
        while not self._stopping.is_set():
            try:
                while self._is_ours() and not self._stopping.is_set() and self.step():
                    pass
            except Exception as error:
                if is_outage(error):
                    _log.warning("the database is away, webhooks wait: %s", type(error).__name__)
                else:
                    _log.exception("events could not be told, and are tried again")
            self._rest()

    def _rest(self) -> None:
        if not self._has_readers:
            self._stopping.wait(_TICK)
        elif self._subscription is None:
            # What came before it is looked for at once.
            self._subscription = self._core.signals.subscribe(Topic.EVENTS)
        else:
            self._stopping.wait(_SHORTEST_WAIT)
            self._subscription.wait(_TICK)

    def stop(self) -> None:
        """End :meth:`run` after the step that is under way."""
        self._stopping.set()
        if self._subscription is not None:
            self._subscription.close()

    def step(self) -> bool:
        """Read a batch of events and write what they are to be told as; whether there were any."""
        now = self._core.clock()
        with self._core.store.read() as tx:
            mark = marks.find(tx, MARK)
            position, state = (mark.position, mark.state) if mark is not None else (0, None)
            # Asked first: whoever is to be told from now on is told of what comes after it.
            newest = webhooks.newest_event(tx)
            self._has_readers = bool(webhooks.active(tx)) or webhooks.any_callback(tx)
            if self._has_readers:
                tail = Tail.resumed(position, state or {}, WATCHED_FOR)
                rows = tail.read(tx, now.timestamp())
                told = self._messages(tx, rows)
                is_worth_noting = bool(rows) or tail.state() != (state or Tail().state())
            else:
                tail, rows, told = Tail(newest), [], []
                is_worth_noting = newest - position >= _IDLE_STRIDE
        if is_worth_noting:
            wrote = self._core.store.transact(lambda tx: self._write(tx, now, (position, state), tail, told))
            if wrote:
                self._on_news()
        return bool(rows)

    def _messages(self, tx: Connection, rows: Sequence[Any]) -> list[Message]:
        """The messages that somebody wants of these events."""
        told = [(row, kind) for row in rows if (kind := kind_of(row.subject, row.name, row.data)) is not None]
        hooks = webhooks.active(tx)
        called_back = webhooks.callbacks(tx, list({row.campaign_id for row, _ in told if row.campaign_id}))
        wanted = [
            (row, kind)
            for row, kind in told
            if any(_is_for(hook, row.id, kind) for hook in hooks)
            or (kind in OF_CAMPAIGNS and row.campaign_id in called_back)
        ]
        return messages(tx, wanted)

    def _write(
        self, tx: Connection, now: datetime, before: tuple[int, Any], tail: Tail, told: Sequence[Message]
    ) -> int:
        """Write the messages and how far it has come; nothing when another reader was faster."""
        mark = marks.locked(tx, MARK)
        if (mark.position, mark.state) != before:
            return 0
        rows = _addressed(tx, now, told) if told else []
        deliveries.write(tx, rows)
        marks.put(tx, MARK, position=tail.position, state=tail.state(), at=now)
        return len(rows)


def _is_for(hook: Any, event_id: int, kind: Kind) -> bool:
    return event_id > hook.after_event and wants(hook.kinds, kind)


def _addressed(tx: Connection, now: datetime, told: Sequence[Message]) -> list[dict[str, Any]]:
    """A row for each message and each of those who are to be told it."""
    hooks = webhooks.active(tx, keep=True)
    called_back = webhooks.callbacks(tx, list({one.campaign_id for one in told if one.campaign_id}))
    rows = []
    for message in told:
        common = {
            "message_id": f"msg_{new_id()}",
            "kind": message.kind,
            "body": message.body,
            "next_at": now,
            "give_up_at": now + GIVE_UP_AFTER,
            "created_at": now,
        }
        rows += [
            common | {"webhook": hook.name, "receiver": hook.name, "url": hook.url, "campaign_id": None}
            for hook in hooks
            if _is_for(hook, message.event_id, message.kind)
        ]
        url = called_back.get(message.campaign_id or "") if message.kind in OF_CAMPAIGNS else None
        if url is not None:
            own = {"webhook": None, "receiver": origin(url), "campaign_id": message.campaign_id}
            rows.append(common | own | {"url": url})
    return rows


def origin(url: str) -> str:
    """The scheme and host of an address: addresses that share it are one receiver."""
    try:
        parts = URL(url)
    except InvalidURL:
        return url
    return f"{parts.scheme}://{parts.netloc.decode()}"
