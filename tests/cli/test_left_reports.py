"""Reports that a receiver had answered when it died are entered before its successor takes new ones."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import create_engine, text

from dispatcher.cli.processes import Embedded
from dispatcher.config import load
from dispatcher.runtime.running import WebServer
from dispatcher.store.arrivals import Body
from dispatcher.store.beside import arrivals_of
from dispatcher.store.engine import Store
from tests.cli.site import Site

BOOT_UP = '{"action": "BootUp", "sn": "369362089179"}'
BATCHES = 60


def rows(url: str, table: str) -> int:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
    finally:
        engine.dispose()


def beside(url: str) -> str:
    """Where a store's arrivals are."""
    return f"{url}-arrivals" if url.startswith("sqlite") else url


def leave(url: str) -> None:
    """What a process that has died had made durable and not entered."""
    store = Store(url)
    try:
        arrivals = arrivals_of(store)
        for _ in range(BATCHES):
            now = datetime.now(UTC)
            arrivals.keep(now, [Body("hq", now, BOOT_UP)])
    finally:
        store.close()


def test_they_are_entered_before_the_receiver_listens(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(site.store_url)
    left = {}
    start = WebServer.start

    def look_and_start(server: WebServer) -> None:
        left.setdefault("at the first start of a server", rows(beside(site.store_url), "arrivals"))
        start(server)

    monkeypatch.setattr(WebServer, "start", look_and_start)
    product = Embedded(load(site.file, {}))
    try:
        product.start()
        assert left == {"at the first start of a server": 0}
        assert rows(site.store_url, "reports") >= BATCHES
        assert httpx.get(f"{product.api_url}/readyz", trust_env=False).status_code == 200
    finally:
        product.stop()
