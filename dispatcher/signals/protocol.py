"""What a signal is, whatever carries it."""

from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """What a signal is about."""

    PACER = "pacer"
    """A channel became free, a call became due, or a limit changed."""
    EVENTS = "events"
    """Event rows were written."""
    ALARMS = "alarms"
    """An alarm's escalation is to be looked at."""
    SESSION = "session"
    """A PBX's session has ended; the text is the PBX's name, a blank, and the session's generation."""


class Subscription(Protocol):
    """The receiving end of some topics."""

    def wait(self, timeout: float) -> set[tuple[Topic, str]]:
        """Everything signalled since the last time; waits up to ``timeout`` seconds when there is nothing."""
        ...

    def close(self) -> None:
        """Stop receiving; a waiting thread returns."""
        ...


class Signals(Protocol):
    """Sends wake-ups to every process that listens. Never raises: the store is the queue of record."""

    def send(self, topic: Topic, text: str = "") -> None:
        """Wake everyone who listens to ``topic``."""
        ...

    def subscribe(self, *topics: Topic) -> Subscription:
        """Listen to ``topics`` from now on."""
        ...

    def close(self) -> None:
        """Give up the connection and end all subscriptions."""
        ...
