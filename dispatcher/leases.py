"""The leases of one process: kept by a thread, so that long work does not let them lapse."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.beats import Beating
from dispatcher.clock import Clock
from dispatcher.store import leases
from dispatcher.store.engine import Store, is_outage

_log = logging.getLogger(__name__)

LEASE = timedelta(seconds=6)
"""So long after its holder's last beat a lease is free for another process."""


def process_name() -> str:
    """A name for this process that no other has, also after a start in the same container."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Leases(Beating):
    """Takes and keeps the leases that the parts of this process want, as far as no other holds them.

    A lease is believed in for a little less long than it lasts, counted from before it was asked for,
    so that a process whose database is away stops believing before another takes over.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        owner: str | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.owner = owner or process_name()
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._believed: dict[str, float] = {}
        self._of_others: frozenset[str] = frozenset()
        self._ahead: dict[str, tuple[datetime, float]] = {}
        """Others' leases from the future: when each ends, and since when it was seen to end then."""

    def want(self, *names: str) -> None:
        """Try for these leases from the next beat on."""
        for name in names:
            self._believed.setdefault(name, 0.0)

    def holds(self, name: str) -> bool:
        """Whether this process holds a lease it wants."""
        return self._monotonic() < self._believed.get(name, 0.0)

    def is_lost(self, name: str) -> bool:
        """Whether another process has a lease, as the last beat has said that got through.

        Not to hold a lease may mean as well that nobody can say who does, since the database is away. What
        would be lost for good by stopping is to go on then, where it may be done by two.
        """
        return name in self._of_others

    def stop(self) -> None:
        """End :meth:`run`. Whoever relies on a lease is to be stopped before."""
        super().stop()

    def beat(self) -> None:
        """Take what is free and renew what is held. A database that is away costs the leases in time."""
        began, now = self._monotonic(), self._clock()
        names = sorted(self._believed)
        try:
            taken, ahead = self._store.transact(lambda tx: self._take(tx, names, now))
        except Exception as error:
            if not is_outage(error):
                _log.exception("the leases could not be renewed")
            return
        self._ahead = {name: (until, self._seen_since(name, until, began)) for name, until in ahead.items()}
        self._of_others = frozenset(name for name, mine in zip(names, taken, strict=True) if not mine)
        for name, mine in zip(names, taken, strict=True):
            self._believed[name] = began + LEASE.total_seconds() - 1.0 if mine else 0.0

    def _take(
        self, tx: Connection, names: list[str], now: datetime
    ) -> tuple[list[bool], dict[str, datetime]]:
        """Which of the leases are this process's now, and the ends of the others' that lie too far ahead."""
        until = now + LEASE
        taken = [leases.take(tx, name, self.owner, now, until, dead=self._dead_end(name)) for name in names]
        others = [name for name, mine in zip(names, taken, strict=True) if not mine]
        return taken, leases.ahead(tx, others, until) if others else {}

    def _dead_end(self, name: str) -> datetime | None:
        """The end of a lease from the future that its holder has not prolonged for as long as one lasts.

        It was taken before the clock was set back. One whose own clock is ahead goes on prolonging it.
        """
        until, since = self._ahead.get(name, (None, 0.0))
        return until if self._monotonic() - since >= LEASE.total_seconds() else None

    def _seen_since(self, name: str, until: datetime, now: float) -> float:
        known = self._ahead.get(name)
        return known[1] if known is not None and known[0] == until else now

    def leave(self) -> None:
        """Let others take the leases at once."""
        held = [name for name in sorted(self._believed) if self._believed[name]]
        self._believed = dict.fromkeys(self._believed, 0.0)
        try:
            with self._store.write() as tx:
                for name in held:
                    leases.release(tx, name, self.owner)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the leases could not be given back, and lapse: %s", type(error).__name__)
