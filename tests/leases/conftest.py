"""An office with a scripted PBX, once on each store."""

from collections.abc import Iterator

import pytest

from tests.scripted import Office, open_office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    with open_office(store_url) as made:
        yield made
