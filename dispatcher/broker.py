"""The Dramatiq broker, and the messages that use cases send through it.

Messages are wake-ups: they carry ids, are never retried, and grow stale within a minute, because
what they point at is in the store and the sweep finds it.
"""

import logging
from collections.abc import Sequence
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerError
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
_POLL_MS = 10
_PREFETCH = 128


class WakeUpBroker(RedisBroker):
    """Dramatiq's Redis broker, tuned for short messages that must not wait.

    The consumer's poll backs off to Dramatiq's ``worker_timeout``, a second unless the environment
    says otherwise; here it never backs off further than ten milliseconds. Delay queues, which no
    message of ours uses, are not consumed at all.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = _POLL_MS) -> Any:
        """A consumer that takes many messages at once and polls often."""
        return super().consume(queue_name, prefetch=max(prefetch, _PREFETCH), timeout=min(timeout, _POLL_MS))

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
