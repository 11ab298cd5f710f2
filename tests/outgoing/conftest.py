"""A core on each store, a receiver, and what tells it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select, update

from dispatcher.core import Core
from dispatcher.intake import alarms, by_hand
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.outgoing import Courier, FanOut, webhooks
from dispatcher.outgoing.webhooks import NewWebhook
from dispatcher.store.engine import Store
from dispatcher.store.tables import Delivery, table
from dispatcher.work import carry_out
from tests.cores import SettableClock, make_core
from tests.outgoing.receiver import SECRET, Receiver

deliveries = table(Delivery)


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for what must come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class Desk:
    """One process that tells, and short words for what tests do with it."""

    def __init__(self, url: str, clock: SettableClock, **sections: Any) -> None:
        sections.setdefault("webhooks", {"timeout": 2.0})
        self.clock = clock
        self.core: Core = make_core(url, clock, **sections)

    @property
    def store(self) -> Store:
        return self.core.store

    def webhook(self, name: str, url: str, *kinds: str, secret: str = SECRET) -> None:
        asked = NewWebhook(name=name, url=url, kinds=list(kinds), secret=secret)
        carry_out(self.core, lambda work: webhooks.create(work, asked))

    def alarm(self, summary: str = "Boiler 3", **members: Any) -> str:
        request = AlarmRequest.model_validate(
            {"summary": summary, "to": [{"number": "+31612345678"}], "message": {"ivr": "6500"}} | members
        )
        return carry_out(self.core, lambda work: alarms.take(work, request, "api")).alarm_id

    def acknowledge(self, alarm_id: str) -> None:
        carry_out(self.core, lambda work: by_hand.acknowledge(work, alarm_id, "ann"))

    def tell(self) -> None:
        """Write every message that is due to be written."""
        fan_out = FanOut(self.core)
        while fan_out.step():
            pass
        fan_out.stop()

    @contextmanager
    def courier(self) -> Iterator[Courier]:
        """Sends what is due, as long as the block lasts."""
        courier = Courier(self.core, chance=lambda: 0.0)
        thread = threading.Thread(target=courier.run)
        thread.start()
        try:
            yield courier
        finally:
            courier.stop()
            thread.join(timeout=20)
            assert not thread.is_alive()

    def rows(self) -> Sequence[Any]:
        with self.store.read() as tx:
            return tx.execute(select(deliveries).order_by(deliveries.c.id)).all()

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def make_due(self) -> None:
        """What waits is tried now, as it would be after its delay."""
        self.clock.move(minutes=1)
        with self.store.write() as tx:
            waiting = update(deliveries).where(deliveries.c.state == "waiting")
            tx.execute(waiting.values(next_at=self.clock()))


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def desk(store_url: str, clock: SettableClock) -> Iterator[Desk]:
    made = Desk(store_url, clock)
    yield made
    made.store.close()


@pytest.fixture
def embedded_desk(sqlite_url: str, clock: SettableClock) -> Iterator[Desk]:
    """One on SQLite, whatever the other tests run on."""
    made = Desk(sqlite_url, clock)
    yield made
    made.store.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver().start()
    yield made
    made.stop()


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver().start()
    yield made
    made.stop()
