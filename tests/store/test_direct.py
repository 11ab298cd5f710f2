"""Statements for the driver itself: errors are SQLAlchemy's, and a dead connection is given up."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from dispatcher.store import schema
from dispatcher.store.bulk import BulkInsert
from dispatcher.store.engine import Store, is_outage
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Mark, table

marks = table(Mark)
_ALL = Prepared(select(marks.c.name).order_by(marks.c.name))
_ADD = BulkInsert(marks, "name", "position")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    schema.upgrade(store_url)
    made = Store(store_url)
    yield made
    made.close()


def names(store: Store) -> list[str]:
    with store.read() as tx:
        return [row.name for row in _ALL.all(tx)]


def test_a_broken_constraint_is_sqlalchemys_error_and_rolls_back(store: Store) -> None:
    twice = [{"name": "one", "position": place} for place in (51, 52)]
    with pytest.raises(IntegrityError) as caught, store.write() as tx:
        _ADD.run(tx, twice)

    assert not is_outage(caught.value)
    assert "52" not in str(caught.value), "values stay out of errors"
    assert names(store) == []


def test_rows_read_one_after_the_other_do_not_mix(store: Store) -> None:
    with store.write() as tx:
        _ADD.run(tx, [{"name": "one", "position": 1}])
        first = _ALL.all(tx)
        tx.execute(insert(marks).values(name="two", position=2))
        second = _ALL.all(tx)

    assert [row.name for row in first] == ["one"]
    assert [row.name for row in second] == ["one", "two"]


def test_whoever_listens_to_statements_hears_of_these(store: Store) -> None:
    heard: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        heard.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    names(store)

    assert any("marks" in statement for statement in heard)


def test_a_dead_connection_is_an_outage_and_is_not_used_again(postgres_url: str) -> None:
    store, another = Store(postgres_url), Store(postgres_url)
    assert names(store) == []
    with another.write() as tx:
        tx.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(OperationalError) as caught:
        names(store)

    assert is_outage(caught.value)
    assert caught.value.connection_invalidated
    assert names(store) == []
    store.close()
    another.close()
