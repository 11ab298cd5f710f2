"""Reports between their answer and their entering: durable, and entered once, whatever dies in between."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from dispatcher.store.arrivals import Arrivals, Body
from dispatcher.store.beside import KEPT_FOR, arrivals_of
from dispatcher.store.engine import Store
from dispatcher.store.tables import Arrival, EnteredArrival, table

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
BODIES = [Body("hq", NOW, '{"action": "ALERT"}'), Body("branch", NOW, "not JSON: \u2603")]


class Opened:
    """What one process has open."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.arrivals: Arrivals = arrivals_of(self.store)

    def enter(self, *keys: str) -> set[str]:
        """Take batches over, and commit that."""
        return self.store.transact(lambda tx: self.arrivals.take_over(tx, NOW, keys))

    def left(self) -> list[str]:
        return [key for key, _ in self.arrivals.left(LATER)]

    def in_file(self) -> list[str]:
        with self.arrivals.store.read() as tx:
            return list(tx.execute(select(table(Arrival).c.id)).scalars())

    def marks(self) -> int:
        with self.store.read() as tx:
            return len(tx.execute(table(EnteredArrival).select()).all())


@pytest.fixture
def process(store_url: str) -> Iterator[Opened]:
    opened = Opened(store_url)
    yield opened
    opened.store.close()


@pytest.fixture
def next_process(store_url: str) -> Iterator[Opened]:
    opened = Opened(store_url)
    yield opened
    opened.store.close()


def test_what_is_kept_is_there_for_the_next_process(process: Opened, next_process: Opened) -> None:
    first, second = process.arrivals.keep(NOW, BODIES), process.arrivals.keep(NOW, BODIES[:1])

    assert next_process.arrivals.left(LATER) == [(first, BODIES), (second, BODIES[:1])]
    assert next_process.arrivals.left(LATER, most=1) == [(first, BODIES)]
    assert next_process.arrivals.left(NOW) == [], "its own process may still enter it"


def test_a_batch_is_taken_over_once(process: Opened, next_process: Opened) -> None:
    key, other = process.arrivals.keep(NOW, BODIES), process.arrivals.keep(NOW, BODIES)

    assert process.enter(key) == {key}
    assert next_process.enter(key, other) == {other}
    assert process.enter(key, other) == set()


def test_a_transaction_that_is_rolled_back_has_taken_nothing_over(process: Opened) -> None:
    key = process.arrivals.keep(NOW, BODIES)

    with process.store.write() as tx:
        assert process.arrivals.take_over(tx, NOW, [key]) == {key}
        tx.rollback()

    assert process.left() == [key]
    assert process.enter(key) == {key}


def test_an_entered_batch_is_gone_with_the_next_one_that_is_kept(process: Opened) -> None:
    key = process.arrivals.keep(NOW, BODIES)
    process.enter(key)
    process.arrivals.let_go([key])

    other = process.arrivals.keep(NOW, BODIES)

    assert process.left() == [other]


def test_a_batch_whose_process_died_after_entering_it_is_not_entered_again(
    process: Opened, next_process: Opened
) -> None:
    key = process.arrivals.keep(NOW, BODIES)
    process.enter(key)

    assert next_process.left() == [], "whoever looks before anybody has tidied up is not alarmed"
    assert next_process.enter(key) == set()
    next_process.arrivals.tidy(NOW + 2 * KEPT_FOR)
    assert next_process.in_file() == []
    assert next_process.enter(key) == set(), "for a while its mark stays"
    next_process.arrivals.tidy(NOW + 2 * KEPT_FOR)

    assert next_process.marks() == 0


def test_marks_are_kept_for_a_while_and_then_cleared_away(process: Opened) -> None:
    key = process.arrivals.keep(NOW, BODIES)
    process.enter(key)
    process.arrivals.let_go([key])

    process.arrivals.tidy(NOW + KEPT_FOR)
    marked = process.marks()
    process.arrivals.tidy(NOW + KEPT_FOR + timedelta(seconds=1))

    assert marked == (1 if process.store.is_sqlite else 0)
    assert process.marks() == 0


def test_a_report_becomes_durable_while_the_database_is_being_written(process: Opened) -> None:
    """The one writer of SQLite holds up no sender of reports."""
    with process.store.write() as tx:
        process.arrivals.take_over(tx, NOW, ["another"])
        key = process.arrivals.keep(NOW, BODIES)
        assert process.left() == [key]


def test_what_could_not_be_removed_is_removed_another_time(sqlite_url: str) -> None:
    opened = Opened(sqlite_url)
    key = opened.arrivals.keep(NOW, BODIES)
    opened.enter(key)
    opened.arrivals.let_go([key])
    with opened.arrivals.store.write() as tx:
        tx.exec_driver_sql("ALTER TABLE arrivals RENAME TO elsewhere")
    for attempt in (lambda: opened.arrivals.keep(NOW, BODIES), lambda: opened.arrivals.tidy(NOW)):
        with pytest.raises(Exception, match="no such table"):
            attempt()
    with opened.arrivals.store.write() as tx:
        tx.exec_driver_sql("ALTER TABLE elsewhere RENAME TO arrivals")

    opened.arrivals.tidy(NOW)

    assert opened.left() == []
    opened.store.close()
