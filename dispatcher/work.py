"""One transaction of a use case, with what it counts and the wake-ups that follow its commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.metrics.counting import Count

T = TypeVar("T")


@dataclass(slots=True)
class Work:
    """An open transaction at one instant. Use cases write through ``tx`` and gather the rest here."""

    core: Core
    tx: Connection
    now: datetime
    count: Count = field(default_factory=Count)
    aftermath: Aftermath = field(default_factory=Aftermath)


def carry_out(core: Core, do: Callable[[Work], T]) -> T:
    """Do the work in one transaction, and return what it returns once that has committed.

    The counts are the transaction's last statement, since their rows are shared by every process;
    the wake-ups follow the commit. An exception rolls everything back. ``do`` runs again when another
    transaction got in its way, so all of its effects are in the transaction.
    """

    def transaction(tx: Connection) -> tuple[T, Work]:
        work = Work(core, tx, core.clock())
        result = do(work)
        write_counts(tx, work.count)
        return result, work

    result, work = core.store.transact(transaction)
    core.after(work.aftermath)
    return result
