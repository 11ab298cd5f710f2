"""What an invariant is: a question to the store, and, where there is one right answer, its mend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics.counting import Count
from dispatcher.reports import Inbox

MOST = 100
"""One look counts, and mends, no more than so many of a kind."""


@dataclass(frozen=True, slots=True)
class Means:
    """What mends work with: the normal use cases."""

    core: Core
    inbox: Inbox


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that holds always, but for the moment in which it is being changed."""

    name: str
    """Its label in the metrics."""
    words: str
    """What it is that was found, in plain words."""
    advice: str
    """What people can do about one that stays."""
    look: Callable[[Core, Connection], Sequence[str]]
    """What breaks it just now: ids or names, :data:`MOST` at the most."""
    mend: Callable[[Means, Sequence[str]], int] | None = None
    """Puts right what was found, if it still is so, and returns how many it has put right."""


Mending = Callable[[Connection, Count], tuple[int, Aftermath]]
"""What a mend does in its transaction: how many were put right, and what is to follow the commit."""


def carry_out(core: Core, mending: Mending) -> int:
    """Mend in one transaction, with what it counts, and send the wake-ups that follow its commit."""

    def work(tx: Connection) -> tuple[int, Aftermath]:
        count = Count()
        mended, aftermath = mending(tx, count)
        write_counts(tx, count)
        return mended, aftermath

    mended, aftermath = core.store.transact(work)
    if mended:
        core.after(aftermath)
    return mended
