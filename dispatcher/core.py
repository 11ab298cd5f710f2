"""What every use case is given: the store, the wake-ups, the clock, and the PBXs' names and abilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from dispatcher.clock import Clock
from dispatcher.config import Settings
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import Ledger
from dispatcher.metrics.counting import Count, SharedCount
from dispatcher.signals import Signals, Topic
from dispatcher.store import streams, tallies
from dispatcher.store.arrivals import Arrivals
from dispatcher.store.engine import Store

MOST_TOGETHER = 8
"""So many attempts at most are dialled by one message, one after the other."""
MOST_AT_ONCE = 32
"""So many attempts at most are dialled by one message where the driver sends many requests at once."""


class Messages(Protocol):
    """Messages to the dial workers. Each is a wake-up with ids; a lost one costs a tick.

    Sending never raises: what a message points at is in the store, and is found by the sweep.
    """

    def dial(self, attempt_ids: Sequence[str], *, urgent: bool, together: int = MOST_TOGETHER) -> None:
        """Ask for claimed attempts to be dialled, at most ``together`` of them one after the other.

        ``urgent`` ones go before all others.
        """
        ...

    def dial_at_once(self, attempt_ids: Sequence[str]) -> None:
        """Ask for claimed attempts of a campaign to be dialled, many of them at once by one thread."""
        ...

    def hang_up(self, attempt_ids: Sequence[str]) -> None:
        """Ask for attempts to be ended."""
        ...

    def transfer(self, attempt_ids: Sequence[str]) -> None:
        """Ask for attempts to be put through to somebody else; a lost message is not made up for."""
        ...


@dataclass(frozen=True, slots=True)
class Core:
    """The same in every process; only what is behind its fields differs."""

    settings: Settings
    store: Store
    arrivals: Arrivals
    signals: Signals
    messages: Messages
    clock: Clock
    ledger: Ledger
    counts: SharedCount
    """Counts that belong to no transaction; upkeep writes them to the store."""
    began: datetime = streams.LONG_AGO
    """When this process began."""

    def after(self, aftermath: Aftermath) -> None:
        """Send the wake-ups of a transaction that has just committed."""
        if aftermath.hang_ups:
            self.messages.hang_up(aftermath.hang_ups)
        if aftermath.transfers:
            self.messages.transfer(aftermath.transfers)
        if aftermath.freed or aftermath.due:
            self.signals.send(Topic.PACER)
        if aftermath.escalate:
            self.signals.send(Topic.ALARMS)
        self.signals.send(Topic.EVENTS)


def write_counts(tx: Connection, count: Count) -> None:
    """Write a transaction's counts: its last statement, since these rows are shared by all."""
    tallies.add(tx, count.increments)
