"""An office with a scripted PBX and an auditor, once on each store."""

from collections.abc import Iterator

import pytest

from dispatcher.audit import Auditor
from tests.scripted import Office, open_office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    with open_office(store_url) as made:
        yield made


@pytest.fixture
def auditor(office: Office) -> Auditor:
    return Auditor(office.core, office.inbox)
