"""A process that hears heartbeats and one that looks for silence, on each store."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.heartbeats import Hearing, Sweep, keeping
from dispatcher.heartbeats.requests import NewHeartbeat
from dispatcher.store import heartbeats
from dispatcher.store.tables import Alarm, table
from dispatcher.work import carry_out
from tests.cores import SettableClock, make_core

alarms = table(Alarm)
ALARM = {"to": [{"number": "+31612345678"}], "message": {"ivr": "6500"}}


class House:
    """The dispatcher, as far as heartbeats go. Time stands still until a test lets it pass."""

    def __init__(self, url: str, clock: SettableClock, **sections: Any) -> None:
        self.url = url
        self.clock = clock
        self.core: Core = make_core(url, clock, **sections)
        self.hearing = Hearing(self.core)
        self.sweep = Sweep(self.core)

    def create(self, name: str = "backup", every: float = 60, grace: float = 10, **alarm: Any) -> None:
        asked = NewHeartbeat.model_validate(
            {"name": name, "every": every, "grace": grace, "alarm": ALARM | alarm}
        )
        carry_out(self.core, lambda work: keeping.create(work, asked))

    def hear(self, name: str = "backup") -> None:
        carry_out(self.core, lambda work: keeping.hear(work, name))

    def passes(self, seconds: float, *, step: float = 1.0) -> None:
        """Time passes while everything runs."""
        for _ in range(round(seconds / step)):
            self.clock.move(seconds=step)
            self.hearing.beat()
            self.sweep.look()

    def is_down_for(self, seconds: float) -> None:
        """The dispatcher is stopped, and started again after a while."""
        self.clock.move(seconds=seconds)
        self.hearing = Hearing(self.core)
        # Another process may look before this one hears.
        self.sweep.look()
        self.hearing.beat()
        self.sweep.look()

    def row(self, name: str = "backup") -> Any:
        with self.core.store.read() as tx:
            return heartbeats.find(tx, name)

    def alarms(self) -> Sequence[Any]:
        with self.core.store.read() as tx:
            return tx.execute(select(alarms).order_by(alarms.c.id)).all()

    def statuses(self) -> list[str]:
        return [row.status for row in self.alarms()]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def house(store_url: str, clock: SettableClock) -> Iterator[House]:
    made = House(store_url, clock)
    yield made
    made.core.store.close()
