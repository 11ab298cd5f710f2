"""Whether the process lives and can serve."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.store.engine import Store
from tests.api.conftest import client_of
from tests.cores import make_core


def test_a_process_with_its_database_is_alive_and_ready(api: TestClient) -> None:
    assert (api.get("/healthz").status_code, api.get("/readyz").text) == (200, "ready")


@pytest.fixture
def unmigrated(core: Core, empty_store_url: str) -> Iterator[TestClient]:
    fields = {name: getattr(core, name) for name in Core.__dataclass_fields__}
    store = Store(empty_store_url)
    yield client_of(Core(**(fields | {"store": store})))
    store.close()


def test_without_the_schema_it_is_alive_but_not_ready(unmigrated: TestClient) -> None:
    answer = unmigrated.get("/readyz")

    assert answer.status_code == 503
    assert "dispatcher migrate" in answer.json()["detail"]
    assert unmigrated.get("/healthz").status_code == 200


def test_an_older_schema_is_not_ready(api: TestClient, core: Core) -> None:
    with core.store.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")

    assert api.get("/readyz").status_code == 503


def test_without_the_server_it_is_alive_but_not_ready(sqlite_url: str) -> None:
    core = make_core(sqlite_url)
    fields = {name: getattr(core, name) for name in Core.__dataclass_fields__}
    away = Store("postgresql+psycopg://nobody@127.0.0.1:9/none")
    api = client_of(Core(**(fields | {"store": away})))

    answer = api.get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert api.post("/v1/alarms", json={}).status_code == 422, "what is wrong anyway is still told"
    assert api.get("/healthz").status_code == 200
    core.store.close()
    away.close()
