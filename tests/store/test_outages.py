"""What counts as the database being away, and what is a fault that no waiting mends."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dispatcher.store import engine
from dispatcher.store.engine import Store, is_conflict, is_outage


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    store = Store(store_url)
    yield store
    store.close()


@pytest.mark.parametrize(
    "wrong",
    ["SELECT * FROM no_such_table", "SELEC 1", "SELECT no_such_function()", "SELECT nothing FROM calls"],
)
def test_a_statement_that_is_wrong_is_no_outage(store: Store, wrong: str) -> None:
    with pytest.raises(DBAPIError) as raised, store.read() as tx:
        tx.execute(text(wrong))
    assert not is_outage(raised.value)


def test_a_database_that_another_process_holds_is_away(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SQLITE_BUSY_SECONDS", 0.05)
    holder, waiter = Store(sqlite_url), Store(sqlite_url)
    with holder.write() as tx:
        tx.execute(text("DELETE FROM marks"))
        with pytest.raises(OperationalError) as raised, waiter.write():
            pass
    assert is_outage(raised.value)
    holder.close()
    waiter.close()


def test_a_file_that_can_not_be_opened_is_away(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/no-such-folder/dispatcher.db")
    with pytest.raises(OperationalError) as raised, store.read():
        pass
    assert is_outage(raised.value)


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("this is no database" * 100)
    store = Store(f"sqlite:///{file}")
    with pytest.raises(DBAPIError) as raised, store.read() as tx:
        tx.execute(text("SELECT 1 FROM sqlite_master"))
    assert not is_outage(raised.value)


def test_a_server_that_nobody_runs_is_away() -> None:
    store = Store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(OperationalError) as raised, store.read():
        pass
    assert is_outage(raised.value)


def test_a_connection_that_was_ended_by_the_server_is_away(empty_postgres_url: str) -> None:
    store = Store(empty_postgres_url)
    with pytest.raises(DBAPIError) as raised, store.read() as tx:
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_outage(raised.value)
    store.close()


def test_a_statement_that_takes_too_long_is_a_fault(empty_postgres_url: str) -> None:
    store = Store(empty_postgres_url)
    with store.read() as tx:
        tx.execute(text("SET LOCAL statement_timeout = 1"))
        with pytest.raises(OperationalError) as raised:
            tx.execute(text("SELECT pg_sleep(5)"))
    assert not is_outage(raised.value)
    store.close()


def of_postgres(state: str) -> OperationalError:
    return OperationalError("SELECT", {}, psycopg.errors.lookup(state)())


@pytest.mark.parametrize("state", ["08006", "08001", "53300", "53100", "57P01", "57P02", "57P03", "58030"])
def test_a_server_without_means_or_that_stops_is_away(state: str) -> None:
    assert is_outage(of_postgres(state))


@pytest.mark.parametrize("state", ["57014", "55P03", "42P01", "XX001", "25006", "28000"])
def test_other_troubles_of_a_server_are_faults(state: str) -> None:
    assert not is_outage(of_postgres(state))


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_conflict_is_run_again(state: str) -> None:
    assert (is_conflict(of_postgres(state)), is_outage(of_postgres(state))) == (True, False)


@pytest.mark.parametrize(
    ("name", "is_away"),
    [
        ("SQLITE_BUSY", True),
        ("SQLITE_BUSY_SNAPSHOT", True),
        ("SQLITE_LOCKED_SHAREDCACHE", True),
        ("SQLITE_IOERR_WRITE", True),
        ("SQLITE_FULL", True),
        ("SQLITE_CANTOPEN_ISDIR", True),
        ("SQLITE_ERROR", False),
        ("SQLITE_READONLY", False),
        ("SQLITE_CORRUPT", False),
    ],
)
def test_what_sqlite_answers(name: str, is_away: bool) -> None:
    told = sqlite3.OperationalError(name)
    told.sqlite_errorcode = getattr(sqlite3, name)
    assert is_outage(OperationalError("SELECT", {}, told)) is is_away


def test_what_is_no_answer_of_a_database() -> None:
    assert is_outage(PoolTimeout("all connections are in use"))
    assert not is_outage(ValueError("a bug"))
