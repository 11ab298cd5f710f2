"""One transaction of a use case, with what it counts and the wake-ups that follow its commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics.counting import Count


@dataclass(slots=True)
class Work:
    """An open transaction at one instant. Use cases write through ``tx`` and gather the rest here."""

    core: Core
    tx: Connection
    now: datetime
    count: Count = field(default_factory=Count)
    aftermath: Aftermath = field(default_factory=Aftermath)


@contextmanager
def working(core: Core) -> Iterator[Work]:
    """A transaction that has committed once the block is left; then its wake-ups have been sent.

    The counts are its last statement, since their rows are shared by every process. An exception
    rolls everything back, the counts included.
    """
    with core.store.write() as tx:
        work = Work(core, tx, core.clock())
        yield work
        write_counts(tx, work.count)
    core.after(work.aftermath)
