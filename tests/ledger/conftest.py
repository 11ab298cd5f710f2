"""The world of the ledger's tests, once on each store."""

from collections.abc import Iterator

import pytest

from dispatcher.store.engine import Store
from tests.ledger.world import World


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    store = Store(store_url)
    yield World(store)
    store.close()
