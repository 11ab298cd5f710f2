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
_UNHEARD_SECONDS = 0.1
"""So long nothing more is said of events once nobody has heard it: most of what is said is of them.

Who begins to follow them looks once, and rests no shorter between two looks.
"""


class RedisSignals:
    """One connection sends; for each topic that somebody here listens to, a thread receives.

    While Redis is away nothing is raised and nothing is kept: the roles' slow ticks do the work.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._sending = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._local = LocalSignals()
        self._guard = threading.Lock()
        self._ears: dict[Topic, _Ear] = {}
        self._unheard_until = 0.0
        self._away_until = 0.0

    def send(self, topic: Topic, text: str = "") -> None:
        """Publish a wake-up; a failure is logged once a second at most."""
        now = time.monotonic()
        if now < self._away_until or (topic is Topic.EVENTS and now < self._unheard_until):
            return
        try:
            heard = self._sending.publish(_channel(topic), text)
        except redis.RedisError as error:
            self._away_until = time.monotonic() + _RETRY_SECONDS
            _log.warning("Redis is away, wake-ups wait for the tick: %s", type(error).__name__)
            return
        if topic is Topic.EVENTS and not heard:
            self._unheard_until = now + _UNHEARD_SECONDS

    def subscribe(self, *topics: Topic) -> Subscription:
        """Listen to ``topics``; a topic's receiving thread starts with its first subscription."""
        subscription = self._local.subscribe(*topics)
        with self._guard:
            for topic in topics:
                if topic not in self._ears:
                    self._ears[topic] = _Ear(self._url, topic, self._local)
        return subscription

    def close(self) -> None:
        """Stop the receiving threads and end all subscriptions."""
        with self._guard:
            ears = list(self._ears.values())
        for ear in ears:
            ear.stop()
        self._local.close()
        for ear in ears:
            ear.join()
        self._sending.close()


class _Ear:
    """The thread that receives the signals of one topic for the whole process."""

    def __init__(self, url: str, topic: Topic, local: LocalSignals) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=2.0)
        self._topic = topic
        self._local = local
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._receive, name=f"signals {topic}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end, within a second."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the thread's end, and give up its connection."""
        self._thread.join(timeout=2.0)
        self._redis.close()

    def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except redis.RedisError as error:
                _log.warning("Redis is away, wake-ups wait for the tick: %s", type(error).__name__)
                self._stopping.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(_channel(self._topic))
            # What was sent while nobody listened is lost, so everyone looks once.
            if self._topic in (Topic.PACER, Topic.EVENTS):
                self._local.send(self._topic)
            while not self._stopping.is_set():
                message = channel.get_message(timeout=1.0)
                if message is not None:
                    self._local.send(self._topic, message["data"].decode())


def _channel(topic: Topic) -> str:
    return f"{_CHANNEL}:{topic}"
