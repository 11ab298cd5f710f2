"""The Dramatiq broker, and the messages that use cases send through it.

Messages are wake-ups: they carry ids, are never retried, and grow stale within a minute, because
what they point at is in the store and the sweep finds it.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

import dramatiq
import redis
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerError, ConnectionClosed
from dramatiq.middleware import AgeLimit, Middleware

from dispatcher.core import MOST_AT_ONCE, MOST_TOGETHER

_log = logging.getLogger(__name__)

URGENT = "urgent"
"""The queue of alarms' dials and of hang-ups."""
BULK = "bulk"
"""The queue of campaigns' dials."""

DIAL_URGENT = "dial_urgent"
DIAL = "dial"
DIAL_AT_ONCE = "dial_at_once"
HANG_UP = "hang_up"
TRANSFER = "transfer"

_FEWEST_MESSAGES = 8
"""Into so many messages at least the dials of one claim are split, so that threads share them."""

_STALE_AFTER_MS = 60_000
_PREFETCH = 128

WAIT_SECONDS = 0.5
"""So long a consumer waits for a message before it looks whether it is to stop."""

_FULL_SECONDS = 0.01
"""So often a consumer that has all the messages it may have looks for room."""


class _Waiting(Consumer):
    """A consumer that waits in Redis for the next message, where Dramatiq's own looks again and again."""

    def __init__(self, broker: "WakeUpBroker", queue: str, prefetch: int) -> None:
        # It looks once, and leaves the waiting to us.
        self._inner: Any = RedisBroker.consume(broker, queue, prefetch, timeout=0)
        self._redis: Any = broker.client
        self._list = f"{broker.namespace}:{queue}"
        self._prefetch = prefetch

    def __next__(self) -> MessageProxy | None:
        message: MessageProxy | None = next(self._inner)
        if message is not None:
            return message
        if self._inner.outstanding_message_count >= self._prefetch:
            time.sleep(_FULL_SECONDS)
            return None
        try:
            # Moves the list's first entry to where it is: waits for one, and changes nothing.
            came = self._redis.blmove(self._list, self._list, WAIT_SECONDS, "LEFT", "LEFT")
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        return next(self._inner) if came is not None else None

    def ack(self, message: MessageProxy) -> None:
        """The message has been processed."""
        self._inner.ack(message)

    def nack(self, message: MessageProxy) -> None:
        """The message could not be processed."""
        self._inner.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back messages that were not processed."""
        self._inner.requeue(messages)

    def close(self) -> None:
        """Stop consuming."""
        self._inner.close()


class WakeUpBroker(RedisBroker):
    """Dramatiq's Redis broker, for short messages that must not wait.

    Its consumers wait in Redis, and not between two looks. Delay queues, which no message of ours uses,
    are not consumed at all.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> Consumer:
        """A consumer that takes many messages at once, each as soon as it is there."""
        return _Waiting(self, queue_name, max(prefetch, _PREFETCH))

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue without its delay queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


def make_broker(url: str) -> dramatiq.Broker:
    """A broker in this process, or one in Redis when there is a URL."""
    middleware: list[Middleware] = [AgeLimit(max_age=_STALE_AFTER_MS)]
    broker: dramatiq.Broker
    if url:
        broker = WakeUpBroker(  # type: ignore[no-untyped-call]
            url=url, middleware=middleware, namespace="dispatcher"
        )
    else:
        broker = StubBroker(middleware=middleware)
    for queue in (URGENT, BULK):
        broker.declare_queue(queue)
    return broker


class BrokerMessages:
    """Sends wake-ups to the dial workers, whichever process they are in."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker

    def dial(self, attempt_ids: Sequence[str], *, urgent: bool, together: int = MOST_TOGETHER) -> None:
        """Ask for claimed attempts to be dialled, ``together`` at most by one message.

        ``urgent`` ones go before all others, each by a message of its own.
        """
        if urgent:
            for attempt_id in attempt_ids:
                self._send(URGENT, DIAL_URGENT, [attempt_id])
            return
        size = max(1, min(together, -(-len(attempt_ids) // _FEWEST_MESSAGES)))
        for start in range(0, len(attempt_ids), size):
            self._send(BULK, DIAL, attempt_ids[start : start + size])

    def dial_at_once(self, attempt_ids: Sequence[str]) -> None:
        """Ask for claimed attempts of a campaign to be dialled, many of them at once by one thread."""
        for start in range(0, len(attempt_ids), MOST_AT_ONCE):
            self._send(BULK, DIAL_AT_ONCE, attempt_ids[start : start + MOST_AT_ONCE])

    def hang_up(self, attempt_ids: Sequence[str]) -> None:
        """Ask for attempts to be ended."""
        for attempt_id in attempt_ids:
            self._send(URGENT, HANG_UP, [attempt_id])

    def transfer(self, attempt_ids: Sequence[str]) -> None:
        """Ask for attempts to be put through to somebody else."""
        for attempt_id in attempt_ids:
            self._send(URGENT, TRANSFER, [attempt_id])

    def _send(self, queue: str, actor: str, attempt_ids: Sequence[str]) -> None:
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=queue, actor_name=actor, args=tuple(attempt_ids), kwargs={}, options={}
        )
        try:
            self._broker.enqueue(message)
        except (BrokerError, redis.RedisError) as error:
            waiting = ", ".join(attempt_ids)
            _log.warning("the broker is away, attempts %s wait for the sweep: %s", waiting, error)
