"""Signals between the threads of one process."""

import threading
import time

from dispatcher.signals.protocol import Subscription, Topic


class LocalSubscription:
    """Collects what is signalled until it is asked."""

    def __init__(self, topics: tuple[Topic, ...]) -> None:
        self.topics = frozenset(topics)
        self._waiting: set[tuple[Topic, str]] = set()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, topic: Topic, text: str) -> None:
        """Add one signal and wake the waiting thread."""
        with self._changed:
            self._waiting.add((topic, text))
            self._changed.notify_all()

    def wait(self, timeout: float) -> set[tuple[Topic, str]]:
        """Everything since the last time, waiting up to ``timeout`` seconds for the first."""
        until = time.monotonic() + timeout
        with self._changed:
            while not self._waiting and not self._closed:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            taken, self._waiting = self._waiting, set()
        return taken

    def close(self) -> None:
        """Let a waiting thread go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class LocalSignals:
    """Signals that stay in this process."""

    def __init__(self) -> None:
        self._subscriptions: list[LocalSubscription] = []
        self._guard = threading.Lock()

    def send(self, topic: Topic, text: str = "") -> None:
        """Wake everyone who listens to ``topic``."""
        with self._guard:
            listeners = [item for item in self._subscriptions if topic in item.topics]
        for listener in listeners:
            listener.put(topic, text)

    def subscribe(self, *topics: Topic) -> Subscription:
        """Listen to ``topics`` from now on."""
        subscription = LocalSubscription(topics)
        with self._guard:
            self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End all subscriptions."""
        with self._guard:
            listeners, self._subscriptions = self._subscriptions, []
        for listener in listeners:
            listener.close()
