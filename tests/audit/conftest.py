"""An office with a scripted PBX and an auditor, once on each store."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from dispatcher.audit import AllClear, Auditor
from dispatcher.store import processes
from dispatcher.store.tables import ProcessSign
from tests.scripted import Office, open_office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    with open_office(store_url) as made:
        yield made


class Noted(AllClear):
    """An all-clear that is noted, and not sent."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.given: list[datetime] = []

    def give(self) -> None:
        self.given.append(self._office.clock())

    def close(self) -> None:
        pass


class Attended(Auditor):
    """The auditor of a site with a worker, which signs as long as nobody has signed it off."""

    def __init__(self, office: Office, all_clear: AllClear | None = None) -> None:
        super().__init__(office.core, office.inbox, all_clear)
        self._office = office
        self._sign()

    def pass_once(self) -> bool:
        if self._office.rows(ProcessSign):
            self._sign()
        return super().pass_once()

    def _sign(self) -> None:
        with self._office.core.store.write() as tx:
            processes.sign(tx, "worker", self._office.clock(), [])


@pytest.fixture
def auditor(office: Office) -> Auditor:
    return Attended(office)
