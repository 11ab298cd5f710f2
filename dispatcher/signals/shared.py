"""Signals between processes and machines, through Redis publish and subscribe."""

import logging
import threading
import time

import redis

from dispatcher.signals.local import LocalSignals
from dispatcher.signals.protocol import Subscription, Topic

_log = logging.getLogger(__name__)
_CHANNEL = "dispatcher:signals"
_RETRY_SECONDS = 1.0


class RedisSignals:
    """One connection sends; one thread receives for every subscription of this process.

    While Redis is away nothing is raised and nothing is kept: the roles' slow ticks do the work.
    """

    def __init__(self, url: str) -> None:
        self._sending = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._receiving = redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=2.0)
        self._local = LocalSignals()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._away_until = 0.0

    def send(self, topic: Topic, text: str = "") -> None:
        """Publish a wake-up; a failure is logged once a second at most."""
        if time.monotonic() < self._away_until:
            return
        try:
            self._sending.publish(_CHANNEL, f"{topic} {text}")
        except redis.RedisError as error:
            self._away_until = time.monotonic() + _RETRY_SECONDS
            _log.warning("Redis is away, wake-ups wait for the tick: %s", type(error).__name__)

    def subscribe(self, *topics: Topic) -> Subscription:
        """Listen to ``topics``; the receiving thread starts with the first subscription."""
        subscription = self._local.subscribe(*topics)
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._receive, name="signals", daemon=True)
                self._thread.start()
        return subscription

    def close(self) -> None:
        """Stop the receiving thread and end all subscriptions."""
        self._stopping.set()
        self._local.close()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._sending.close()
        self._receiving.close()

    def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except redis.RedisError as error:
                _log.warning("Redis is away, wake-ups wait for the tick: %s", type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        with self._receiving.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(_CHANNEL)
            # What was sent while nobody listened is lost, so everyone looks once.
            for topic in (Topic.PACER, Topic.EVENTS):
                self._local.send(topic)
            while not self._stopping.is_set():
                message = channel.get_message(timeout=1.0)
                if message is None:
                    continue
                topic, _, text = message["data"].decode().partition(" ")
                self._local.send(Topic(topic), text)
