"""A core on each store, and the API over it as a client on this machine sees it."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.api import make_app
from dispatcher.core import Core
from tests.cores import RecordingMessages, SettableClock, make_core

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def core(store_url: str, clock: SettableClock) -> Iterator[Core]:
    made = make_core(store_url, clock)
    yield made
    made.store.close()


@pytest.fixture
def messages(core: Core) -> RecordingMessages:
    assert isinstance(core.messages, RecordingMessages)
    return core.messages


def client_of(core: Core, host: str = "127.0.0.1", **options: Any) -> TestClient:
    """A client at ``host``; what goes wrong inside is answered, as to the world, and not raised."""
    return TestClient(
        make_app(core), ADDRESS, raise_server_exceptions=False, client=(host, 50_000), **options
    )


@pytest.fixture
def api(core: Core) -> TestClient:
    return client_of(core)


ALARM = {
    "summary": "Boiler 3 over-pressure",
    "severity": "critical",
    "to": [{"number": "+31612345678"}, {"extension": "1002"}],
    "message": {"ivr": "6500"},
    "delivered_when": "acknowledged",
    "ack_digits": "1",
}
