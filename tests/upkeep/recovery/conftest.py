"""An office whose PBX keeps call records, beside its list of live calls; once on each store."""

from collections.abc import Iterator

import pytest

from tests.scripted import Office, open_office
from tests.upkeep.asked import Keeping


@pytest.fixture
def pbx() -> Keeping:
    return Keeping()


@pytest.fixture
def office(store_url: str, pbx: Keeping) -> Iterator[Office]:
    with open_office(store_url, driver=pbx) as made:
        yield made
