"""Leases: one holder at a time, renewed, given back, and taken over once they have lapsed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.store import leases
from dispatcher.store.engine import Store

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SPAN = timedelta(seconds=10)
LATER = NOW + SPAN


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = Store(store_url)
    yield made
    made.close()


def take(store: Store, owner: str, now: datetime = NOW, name: str = "stream of hq") -> bool:
    with store.write() as tx:
        return leases.take(tx, name, owner, now, now + SPAN)


def release(store: Store, owner: str) -> None:
    with store.write() as tx:
        leases.release(tx, "stream of hq", owner)


def holder(store: Store, now: datetime = NOW) -> str | None:
    with store.read() as tx:
        return leases.holder(tx, "stream of hq", now)


def test_the_first_takes_it_and_the_second_does_not(store: Store) -> None:
    assert holder(store) is None
    assert take(store, "one")
    assert not take(store, "other")
    assert holder(store) == "one"


def test_of_many_that_contend_one_gets_it(store: Store) -> None:
    start = threading.Barrier(8)

    def contend(owner: str) -> bool:
        start.wait(timeout=20)
        return take(store, owner)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(contend, [f"process {place}" for place in range(8)]))

    assert taken.count(True) == 1
    assert holder(store) == f"process {taken.index(True)}"


def test_of_many_that_contend_for_a_lapsed_one_one_gets_it(store: Store) -> None:
    take(store, "the dead")
    start = threading.Barrier(8)

    def contend(owner: str) -> bool:
        start.wait(timeout=20)
        return take(store, owner, LATER)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(contend, [f"process {place}" for place in range(8)])).count(True) == 1


def test_it_lapses_when_it_is_not_renewed(store: Store) -> None:
    take(store, "one")
    assert not take(store, "other", LATER - timedelta(microseconds=1))
    assert holder(store, LATER) is None
    assert take(store, "other", LATER)
    assert holder(store, LATER) == "other"


def test_its_holder_keeps_it_by_taking_it_on(store: Store) -> None:
    take(store, "one")
    assert take(store, "one", NOW + SPAN / 2)
    assert not take(store, "other", LATER)
    assert holder(store, LATER) == "one"


def test_a_holder_that_comes_back_late_takes_on_what_nobody_took(store: Store) -> None:
    take(store, "one")
    assert take(store, "one", LATER + SPAN)
    assert holder(store, LATER + SPAN) == "one"


def test_a_holder_that_comes_back_too_late_has_lost_it(store: Store) -> None:
    take(store, "one")
    take(store, "other", LATER)
    assert not take(store, "one", LATER)
    release(store, "one")
    assert holder(store, LATER) == "other"


def test_given_back_it_is_free_at_once(store: Store) -> None:
    take(store, "one")
    release(store, "one")
    assert holder(store) is None
    assert take(store, "other")


def test_names_have_nothing_to_do_with_each_other(store: Store) -> None:
    assert take(store, "one")
    assert take(store, "other", name="stream of branch")
