"""A driver for whatever address a test has, and a record of what it told the metrics."""

from collections.abc import Callable, Iterator
from datetime import UTC

import pytest

from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.protocol import DialOrder, Message, PbxAccount, Session

KEY = "8d0a0704a96db1773fcb52db2f3e0979"
SESSION = Session("anything")
TO_USER = DialOrder(TargetKind.USER, "anna", Message(MessageKind.IVR, "6500"))
TO_NUMBER = DialOrder(TargetKind.NUMBER, "+31201234567", Message(MessageKind.PROMPT, "alarm"))

MakeDriver = Callable[..., Axeos]


def account(url: str, **changed: object) -> PbxAccount:
    fields: dict[str, object] = {
        "name": "office",
        "family": "axeos",
        "url": url,
        "username": "apiKey",
        "password": KEY,
        "verify_tls": True,
        "timezone": UTC,
        "reports_url": "http://10.0.0.5:8260/reports/office",
        "timeout_seconds": 5.0,
    }
    return PbxAccount(**(fields | changed))  # type: ignore[arg-type]


@pytest.fixture
def observed() -> list[tuple[str, str]]:
    """(operation, result) of every request."""
    return []


@pytest.fixture
def driver_for(observed: list[tuple[str, str]]) -> Iterator[MakeDriver]:
    """Makes drivers, and closes them after the test."""
    made: list[Axeos] = []

    def observe(operation: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        observed.append((operation, result))

    def make(url: str, **changed: object) -> Axeos:
        made.append(Axeos(account(url, **changed), observe))
        return made[-1]

    yield make
    for driver in made:
        driver.close()
