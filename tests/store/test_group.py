"""Group commit for threads, and the store's shared transactions on SQLite."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from dispatcher.store.engine import Store, is_conflict, is_outage
from dispatcher.store.group import GroupCommit
from dispatcher.store.tables import Tally, table

tallies = table(Tally)


class Held:
    """A commit that hangs the first time, so that others gather behind it."""

    def __init__(self, commit: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self.batches: list[list[Any]] = []
        self.started, self.go_on = threading.Event(), threading.Event()
        self._commit = commit

    def __call__(self, items: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(items))
        if len(self.batches) == 1:
            self.started.set()
            assert self.go_on.wait(timeout=20)
        return self._commit(items)


def gather(group: GroupCommit[Any, Any], held: Held, first: Any, others: Sequence[Any]) -> list[Future[Any]]:
    """Submit one item, and the others while its commit hangs; then let it go on."""
    pool = ThreadPoolExecutor(1 + len(others))
    futures = [pool.submit(group.submit, first)]
    assert held.started.wait(timeout=20)
    futures += [pool.submit(group.submit, item) for item in others]
    until = time.monotonic() + 20
    while len(group._gathered) < len(others):
        assert time.monotonic() < until
        time.sleep(0.005)
    held.go_on.set()
    pool.shutdown(wait=True)
    return futures


def test_a_lone_item_is_committed_at_once() -> None:
    group: GroupCommit[int, int] = GroupCommit(lambda items: [item * 2 for item in items])

    assert [group.submit(1), group.submit(2)] == [2, 4]


def test_items_that_come_during_a_commit_are_committed_together_by_the_next() -> None:
    held = Held(lambda items: [item * 2 for item in items])

    results = [future.result() for future in gather(GroupCommit(held), held, 0, range(1, 21))]

    assert results == [number * 2 for number in range(21)]
    assert [len(batch) for batch in held.batches] == [1, 20]


def test_a_group_has_a_limit() -> None:
    held = Held(list)

    results = [f.result() for f in gather(GroupCommit(held, limit=8), held, 0, range(1, 21))]

    assert results == list(range(21))
    assert [len(batch) for batch in held.batches] == [1, 8, 8, 4]


def test_a_commit_that_fails_fails_for_all_of_its_group_and_no_other() -> None:
    def commit(items: Sequence[int]) -> Sequence[int]:
        if 3 in items:
            raise ValueError("not this time")
        return items

    held = Held(commit)
    group: GroupCommit[int, int] = GroupCommit(held)
    first, *others = gather(group, held, 0, range(1, 6))

    assert first.result() == 0
    assert all(isinstance(future.exception(), ValueError) for future in others)
    assert group.submit(7) == 7


def test_an_interruption_in_the_committing_thread_leaves_nobody_waiting() -> None:
    class Interrupted(BaseException):
        pass

    def commit(items: Sequence[int]) -> Sequence[int]:
        if 3 in items:
            raise Interrupted
        return items

    held = Held(commit)
    group: GroupCommit[int, int] = GroupCommit(held)
    _, *others = gather(group, held, 0, range(1, 6))

    assert all(isinstance(future.exception(), Interrupted) for future in others)
    assert group.submit(7) == 7


def test_every_item_gets_its_own_result_under_load() -> None:
    sizes: list[int] = []

    def commit(items: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
        sizes.append(len(items))
        return items

    group: GroupCommit[tuple[int, int], tuple[int, int]] = GroupCommit(commit, rest=0.001)

    def work(name: int) -> bool:
        return all(group.submit((name, number)) == (name, number) for number in range(50))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    assert sum(sizes) == 800


def count_of(store: Store) -> dict[str, float]:
    with store.read() as tx:
        return {row.name: row.value for row in tx.execute(select(tallies.c.name, tallies.c.value))}


def put(name: str, then: Exception | None = None) -> Callable[[Connection], str]:
    """A work that inserts a row, and may then raise."""

    def work(tx: Connection) -> str:
        tx.execute(insert(tallies).values(name=name, labels="[]", shard=0, value=1.0))
        if then is not None:
            raise then
        return name

    return work


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = Store(store_url)
    yield made
    made.close()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Store]:
    made = Store(sqlite_url)
    yield made
    made.close()


class TestTransact:
    """The same promises on both stores."""

    def test_what_a_work_returns_is_durable(self, store: Store) -> None:
        assert store.transact(put("a")) == "a"
        assert count_of(store) == {"a": 1.0}

    def test_a_work_that_raises_leaves_nothing(self, store: Store) -> None:
        with pytest.raises(KeyError):
            store.transact(put("a", KeyError("no")))
        assert count_of(store) == {}

    def test_a_commit_that_fails_leaves_nothing_and_says_so(self, store: Store) -> None:
        def fail(connection: object) -> None:
            raise OperationalError("COMMIT", {}, Exception("the disk is full"))

        event.listen(store.engine, "commit", fail)
        with pytest.raises(OperationalError):
            store.transact(put("a"))
        event.remove(store.engine, "commit", fail)

        assert count_of(store) == {}
        assert store.transact(put("a")) == "a"

    def test_a_write_that_raises_leaves_nothing(self, store: Store) -> None:
        with pytest.raises(KeyError), store.write() as tx:
            put("a", KeyError("no"))(tx)
        assert count_of(store) == {}

    def test_works_of_many_threads_all_get_their_own_result(self, store: Store) -> None:
        names = [f"{number:03d}" for number in range(100)]
        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(lambda name: store.transact(put(name)), names)) == names
        assert sorted(count_of(store)) == names


class TestTogether:
    """SQLite: what is submitted at once is committed together."""

    def submit(self, store: Store, *works: Callable[[Connection], Any]) -> tuple[list[Future[Any]], int]:
        """Works that gather while a first one's transaction is open; and how many commits they took."""
        inside, go_on, commits = threading.Event(), threading.Event(), [0]

        def first(tx: Connection) -> str:
            inside.set()
            assert go_on.wait(timeout=20)
            return "first"

        def count(connection: object) -> None:
            commits[0] += 1

        pool = ThreadPoolExecutor(1 + len(works))
        leader = pool.submit(store.transact, first)
        assert inside.wait(timeout=20)
        futures = [pool.submit(store.transact, work) for work in works]
        until = time.monotonic() + 20
        while len(store._together._gathered) < len(works):
            assert time.monotonic() < until
            time.sleep(0.005)
        event.listen(store.engine, "commit", count)
        go_on.set()
        pool.shutdown(wait=True)
        event.remove(store.engine, "commit", count)
        assert leader.result() == "first"
        return futures, commits[0] - 1

    def test_many_works_take_one_commit(self, sqlite: Store) -> None:
        futures, commits = self.submit(sqlite, *(put(f"{number}") for number in range(20)))

        assert sorted(future.result() for future in futures) == sorted(str(number) for number in range(20))
        assert commits == 1

    def test_one_that_fails_fails_alone(self, sqlite: Store) -> None:
        futures, _ = self.submit(sqlite, put("a"), put("b", KeyError("no")), put("c"), put("a"))

        errors = [type(future.exception()) for future in futures]
        assert errors[1] is KeyError
        assert sorted([errors[0].__name__, errors[3].__name__]) == ["IntegrityError", "NoneType"]
        assert futures[2].result() == "c"
        assert sorted(count_of(sqlite)) == ["a", "c"]
        assert IntegrityError in errors

    def test_a_work_may_run_again_but_its_effects_are_there_once(self, sqlite: Store) -> None:
        runs: list[str] = []

        def noting(name: str) -> Callable[[Connection], str]:
            def work(tx: Connection) -> str:
                runs.append(name)
                return put(name)(tx)

            return work

        futures, _ = self.submit(sqlite, noting("a"), put("b", KeyError("no")), noting("c"))

        assert [futures[0].result(), futures[2].result()] == ["a", "c"]
        assert len(runs) > len(set(runs))
        assert count_of(sqlite) == {"a": 1.0, "c": 1.0}

    def test_when_no_commit_succeeds_all_are_told_and_nothing_is_there(self, sqlite: Store) -> None:
        def fail(connection: object) -> None:
            raise OperationalError("COMMIT", {}, Exception("the disk is full"))

        inside, go_on = threading.Event(), threading.Event()

        def first(tx: Connection) -> None:
            inside.set()
            assert go_on.wait(timeout=20)

        event.listen(sqlite.engine, "commit", fail)
        with ThreadPoolExecutor(6) as pool:
            futures = [pool.submit(sqlite.transact, first)]
            assert inside.wait(timeout=20)
            futures += [pool.submit(sqlite.transact, put(name)) for name in "abcde"]
            go_on.set()
        event.remove(sqlite.engine, "commit", fail)

        assert all(isinstance(future.exception(), OperationalError) for future in futures)
        assert count_of(sqlite) == {}

    def test_a_second_process_may_write_in_between(self, sqlite: Store, sqlite_url: str) -> None:
        other = Store(sqlite_url)
        with ThreadPoolExecutor(8) as pool:
            done = [
                pool.submit(there.transact, put(f"{place}-{number}"))
                for place, there in enumerate((sqlite, other))
                for number in range(40)
            ]
        other.close()

        assert all(future.exception() is None for future in done)
        assert len(count_of(sqlite)) == 80


class TestRunningAgain:
    """PostgreSQL: two transactions that get in each other's way."""

    def test_a_deadlock_is_run_again(self, postgres_url: str) -> None:
        store = Store(postgres_url)
        for name in "ab":
            store.transact(put(name))
        both, runs = threading.Barrier(2), [0]

        def add(tx: Connection, name: str) -> None:
            tx.execute(tallies.update().where(tallies.c.name == name).values(value=tallies.c.value + 1))

        def crossing(one: str, other: str) -> Callable[[Connection], None]:
            def work(tx: Connection) -> None:
                runs[0] += 1
                add(tx, one)
                if runs[0] <= 2:
                    both.wait(timeout=20)
                add(tx, other)

            return work

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(store.transact, crossing(*names)) for names in ("ab", "ba")]
            assert [future.exception() for future in futures] == [None, None]

        assert runs[0] == 3
        assert count_of(store) == {"a": 3.0, "b": 3.0}
        store.close()

    def test_it_is_given_up_after_some_tries(self, postgres_url: str) -> None:
        store, runs = Store(postgres_url), [0]

        class Conflict(Exception):
            sqlstate = "40P01"

        def always(tx: Connection) -> None:
            runs[0] += 1
            raise OperationalError("UPDATE", {}, Conflict())

        with pytest.raises(DBAPIError):
            store.transact(always)
        assert runs[0] == 5
        store.close()


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_conflict_is_no_outage(state: str) -> None:
    class Conflict(Exception):
        sqlstate = state

    error = OperationalError("UPDATE", {}, Conflict())
    assert (is_conflict(error), is_outage(error)) == (True, False)


def test_a_statement_that_is_wrong_is_no_outage() -> None:
    assert not is_outage(IntegrityError("INSERT", {}, Exception("duplicate key")))
    assert not is_outage(ValueError("a bug"))
    assert is_outage(OperationalError("SELECT", {}, Exception("connection refused")))
