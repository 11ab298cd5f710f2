"""A directory of some people, once on each store."""

from collections.abc import Iterator

import pytest

from dispatcher.store.engine import Store
from tests.directory.office import Office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    store = Store(store_url)
    yield Office(store)
    store.close()
