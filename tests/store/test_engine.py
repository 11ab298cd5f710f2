"""What a store does with its connections."""

from typing import Any

from sqlalchemy import Connection, text

from dispatcher.store.engine import Store


def driver_of(tx: Connection) -> Any:
    tx.execute(text("SELECT 1"))
    return tx.connection.dbapi_connection


def test_a_store_that_is_closed_leaves_no_connection_open(postgres_url: str) -> None:
    store = Store(postgres_url)
    with store.read() as tx:
        under_way = driver_of(tx)
        with store.read() as another:
            idle = driver_of(another)
        store.close()
        assert (under_way.closed, idle.closed) == (False, True)
    with store.read() as tx:
        late = driver_of(tx)

    assert (under_way.closed, late.closed) == (True, True)


def test_a_store_that_was_closed_can_be_used(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    store.close()
    with store.write() as tx:
        assert tx.execute(text("SELECT 1")).scalar_one() == 1
    store.close()
