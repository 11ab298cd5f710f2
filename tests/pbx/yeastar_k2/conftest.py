"""A driver for whatever address a test has, and a record of what it told the metrics."""

from collections.abc import Callable, Iterator
from datetime import UTC

import pytest

from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.protocol import DialOrder, Message, PbxAccount, Session
from dispatcher.pbx.yeastar_k2 import YeastarK2

TOKEN = "48a7d7481a5355aa4fb5dc285edeb40e"
REFRESH = "58f29c380365e5546cd3ac8c34edc88c"
PASSWORD = "correct horse"
SESSION = Session(TOKEN)
ORDER = DialOrder(TargetKind.NUMBER, "90612345678", Message(MessageKind.IVR, "6500"), "1000")

MakeDriver = Callable[..., YeastarK2]


def account(url: str, **changed: object) -> PbxAccount:
    fields: dict[str, object] = {
        "name": "hq",
        "family": "yeastar-k2",
        "url": url,
        "username": "api",
        "password": PASSWORD,
        "verify_tls": True,
        "timezone": UTC,
        "reports_url": "http://10.0.0.5:8260/reports/hq",
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
    made: list[YeastarK2] = []

    def observe(operation: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        observed.append((operation, result))

    def make(url: str, **changed: object) -> YeastarK2:
        made.append(YeastarK2(account(url, **changed), observe))
        return made[-1]

    yield make
    for driver in made:
        driver.close()
