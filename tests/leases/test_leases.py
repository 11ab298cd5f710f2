"""The leases of a process: believed in for less long than they last, and followed when it dies or stops."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher import leases as module
from dispatcher.leases import LEASE, Leases, process_name
from dispatcher.pbx.protocol import TrunkState
from dispatcher.store.tables import Lease
from dispatcher.upkeep import Upkeep
from tests.scripted import TRUNK, Office, make_office


class Watch:
    """A monotonic clock that is set together with the office's."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._began = office.clock()

    def __call__(self) -> float:
        return 1000.0 + (self._office.clock() - self._began).total_seconds()


def leases_of(office: Office, name: str) -> Leases:
    made = Leases(office.core.store, office.clock, name, monotonic=Watch(office))
    made.want("upkeep")
    return made


def test_one_of_two_processes_holds_it(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    assert not one.holds("upkeep")
    one.beat()
    other.beat()

    assert one.holds("upkeep")
    assert not other.holds("upkeep")
    assert not one.holds("something that it does not want")


def test_beats_keep_it(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    for _ in range(10):
        one.beat()
        other.beat()
        office.clock.move(seconds=1.5)
        assert one.holds("upkeep")
    assert not other.holds("upkeep")


def test_it_is_not_believed_in_any_more_when_another_can_take_it(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    one.beat()
    office.clock.move(seconds=LEASE.total_seconds() - 0.5)
    other.beat()
    assert not one.holds("upkeep")
    assert not other.holds("upkeep")

    office.clock.move(seconds=0.5)
    other.beat()
    assert other.holds("upkeep")
    one.beat()
    assert not one.holds("upkeep")


def test_it_lapses_while_the_database_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    one = leases_of(office, "one")
    one.beat()

    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    with monkeypatch.context() as outage:
        outage.setattr(module.leases, "take", away)
        office.clock.move(seconds=3)
        one.beat()
        assert one.holds("upkeep")
        office.clock.move(seconds=3)
        one.beat()
        assert not one.holds("upkeep")
    one.beat()
    assert one.holds("upkeep")


def test_a_process_that_stops_gives_it_back(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    thread = threading.Thread(target=one.run)
    thread.start()
    until(lambda: one.holds("upkeep"))
    one.stop()
    thread.join(timeout=20)

    assert not one.holds("upkeep")
    assert office.rows(Lease) == []
    other.beat()
    assert other.holds("upkeep")


def test_no_two_processes_have_one_name() -> None:
    """A process that is started again in a container has the same host and the same id."""
    assert len({process_name() for _ in range(10)}) == 10


@contextmanager
def working(office: Office, leases: Leases) -> Iterator[Callable[[], None]]:
    """A process that does upkeep, and beats until it dies."""
    upkeep = Upkeep(office.core, office.sessions, office.pbxes, office.inbox, leases)
    died = threading.Event()

    def beat() -> None:
        while not died.wait(0.02):
            leases.beat()

    caring, beating = (threading.Thread(target=work) for work in (upkeep.run, beat))
    caring.start()
    beating.start()

    def die() -> None:
        """Beat no more; the last beat is over when this returns."""
        died.set()
        beating.join(timeout=20)

    try:
        yield die
    finally:
        upkeep.stop()
        die()
        caring.join(timeout=20)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_one_process_asks_the_pbx_and_another_takes_over(
    office: Office, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {"one": 0, "other": 0}
    other_office = make_office(store_url, clock=office.clock)
    for name, place in (("one", office), ("other", other_office)):

        def look(session: object, name: str = name) -> list[TrunkState]:
            asked[name] += 1
            return [TrunkState(TRUNK, "Registered", "SIP", True)]

        monkeypatch.setattr(place.driver, "trunks", look)
    one, other = leases_of(office, "one"), leases_of(other_office, "other")
    with working(office, one) as die:
        until(lambda: asked["one"])
        with working(other_office, other):
            until(lambda: other_office.rows(Lease))
            assert not other.holds("upkeep of hq")
            assert asked["other"] == 0

            die()
            office.clock.move(minutes=1)
            until(lambda: asked["other"])
            assert other.holds("upkeep of hq")
            assert not one.holds("upkeep of hq")
    other_office.core.store.close()


def test_a_lease_of_a_dead_process_from_before_the_clock_was_set_back_is_free(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    one.beat()
    office.clock.move(hours=-1)
    for _ in range(5):
        other.beat()
        office.clock.move(seconds=1.5)
    assert other.holds("upkeep")


@pytest.mark.parametrize("ahead", [30, 70, 7200])
def test_machines_whose_clocks_differ_do_not_both_believe_in_it(office: Office, ahead: int) -> None:
    one = Leases(
        office.core.store,
        lambda: office.clock() + timedelta(seconds=ahead),
        "one",
        monotonic=Watch(office),
    )
    one.want("upkeep")
    other = leases_of(office, "other")
    held = []
    for _ in range(20):
        for process in (other, one):
            process.beat()
            office.clock.move(seconds=0.75)
            held.append((one.holds("upkeep"), other.holds("upkeep")))
    # The first beat is of the other, whose lease looks lapsed to the one that is ahead.
    assert set(held[6:]) == {(True, False)}


def test_the_lease_of_a_dead_process_whose_clock_was_ahead_is_free_in_time(office: Office) -> None:
    one, other = leases_of(office, "one"), leases_of(office, "other")
    office.clock.move(hours=1)
    one.beat()
    office.clock.move(hours=-1)
    other.beat()
    office.clock.move(seconds=5)
    other.beat()
    assert not other.holds("upkeep")
    office.clock.move(seconds=1)
    other.beat()
    assert other.holds("upkeep")
