"""Drivers for whatever address a test has: what the tests of every family make theirs with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Any, TypeVar

from dispatcher.pbx.protocol import Driver, Observe, PbxAccount

PASSWORD = "correct horse"
ACCOUNT = PbxAccount(
    name="hq",
    family="yeastar-s",
    url="http://127.0.0.1:1",
    username="api",
    password=PASSWORD,
    verify_tls=True,
    timezone=UTC,
    reports_url="http://10.0.0.5:8260/reports/hq",
    timeout_seconds=5.0,
)
"""At an address where nobody listens."""

Observed = list[tuple[str, str]]
"""(operation, result) of every request, in the order in which the metrics were told."""

D = TypeVar("D", bound=Driver)


def account_at(url: str, **changed: Any) -> PbxAccount:
    """The account of a PBX at ``url``."""
    return replace(ACCOUNT, url=url, **changed)


class Drivers:
    """Makes drivers, keeps what they tell the metrics, and closes them after the test."""

    def __init__(self) -> None:
        self.observed: Observed = []
        self._made: list[Driver] = []

    def make(self, factory: Callable[[PbxAccount, Observe], D], account: PbxAccount) -> D:
        """A driver of the family that ``factory`` makes."""
        driver = factory(account, self._observe)
        self._made.append(driver)
        return driver

    def close(self) -> None:
        """Close every driver."""
        for driver in self._made:
            driver.close()

    def _observe(self, operation: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((operation, result))
