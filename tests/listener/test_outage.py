"""The database is away for longer than a lease lasts: what the PBX tells once only is read all the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.leases import LEASE, Leases
from tests.listener.conftest import CALLID, Desk, PulledDriver, dialled, open_desk, until
from tests.scripted import answered, bye, key, record, ringing


class Hand:
    """A monotonic clock that a test sets ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@contextmanager
def nothing_is_stored(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[None]:
    """The database is away for one process."""

    def away(*_: object, **__: object) -> None:
        raise OperationalError("BEGIN", {}, ConnectionError("gone"))

    with monkeypatch.context() as outage:
        for name in ("read", "write", "transact"):
            outage.setattr(desk.office.core.store, name, away)
        yield


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def reading(store_url: str, driver: PulledDriver, hand: Hand) -> Iterator[Desk]:
    with open_desk(store_url, driver, "one") as desk:
        desk.leases = Leases(desk.office.core.store, desk.office.clock, "one", monotonic=hand)
        yield desk


def lapse(desk: Desk, hand: Hand) -> None:
    """The lease's time runs out, for its holder and for everybody."""
    hand.ahead += LEASE.total_seconds() + 1
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)


def goes_on(desk: Desk) -> Callable[[], bool]:
    reads = desk.stream(1).reads
    return lambda: desk.stream(1).reads > reads + 3


def test_a_key_that_is_pressed_in_a_long_outage_counts(
    reading: Desk, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = dialled(reading)
    reading.start()
    reading.stream(1).put(ringing(CALLID), answered(CALLID))
    until(lambda: reading.office.attempt(attempt).answered_at is not None)

    with nothing_is_stored(monkeypatch, reading):
        lapse(reading, hand)
        until(goes_on(reading))
        reading.stream(1).put(key(CALLID))
        until(lambda: reading.stream(1).unread == 0)
        until(goes_on(reading))

    reading.stream(1).put(bye(CALLID), record(CALLID))
    until(lambda: reading.office.attempt(attempt).outcome == "delivered")
    assert len(reading.driver.streams) == 1
    assert not reading.stream(1).is_closed.is_set()
    until(lambda: reading.leases.holds("reports of hq"))


def test_whoever_was_cut_off_alone_stops_once_it_is_told_that_another_reads(
    reading: Desk, other: Desk, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.office.clock = reading.office.clock
    other.leases = Leases(other.office.core.store, reading.office.clock, "other")
    reading.start()
    reading.stream(1).put(position="16")
    until(lambda: reading.row.position == "16")

    with nothing_is_stored(monkeypatch, reading):
        lapse(reading, hand)
        other.start()
        other.stream(2).put(position="40")
        until(lambda: other.row.position == "40")
        reading.stream(1).put(position="20")
        until(goes_on(reading))

    until(reading.stream(1).is_closed.is_set)
    assert other.row.position == "40"
    assert not other.stream(2).is_closed.is_set()
