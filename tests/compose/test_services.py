"""Every service of ours in docker-compose.yml, started as it says there, up to a delivered alarm."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.compose.compose_file import ComposeFile, variables
from tests.compose.local import LocalCompose, Places
from tests.services import PostgresServer, RedisServer
from tests.services.process import HOST

DATABASE = "dispatcher"
DELIVERED_SECONDS = 40.0
ROLES = {"migrate", "api", "reports", "pacer", "workers", "simulator"}


@pytest.fixture
def compose(
    postgres_server: PostgresServer, redis_url: str, redis_server: RedisServer, tmp_path: Path
) -> Iterator[LocalCompose]:
    file = ComposeFile()
    known = {("postgres", 5432): postgres_server.port, ("redis", 6379): redis_server.port}
    postgres_server.create_database(DATABASE)
    try:
        with LocalCompose(file, Places(file, known), tmp_path) as running:
            yield running
    finally:
        postgres_server.drop_database(DATABASE)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_from_the_compose_file_to_a_delivered_alarm(compose: LocalCompose) -> None:
    assert set(compose.running) == ROLES
    tokens = variables(ComposeFile().text)
    api = f"http://{HOST}:{compose.places.port('api', 8080)}"

    with httpx.Client(base_url=api, timeout=10) as client:
        raised = client.post(
            "/v1/alarms",
            json={"summary": "Boiler 3 over-pressure", "severity": "critical", "policy": "duty"},
            headers={"Authorization": f"Bearer {tokens['INTAKE_TOKEN']}"},
        )
        assert raised.status_code == 202, raised.text
        operator = {"Authorization": f"Bearer {tokens['OPERATOR_TOKEN']}"}
        alarm = _until_over(client, f"/v1/alarms/{raised.json()['id']}", operator, compose)

    assert alarm["status"] == "acknowledged", compose.outputs()
    (call,) = alarm["calls"]
    assert (call["state"], call["outcome"]) == ("delivered", "delivered")
    assert call["attempts"][0]["digits"] == "1"
    assert _stopped(compose) == dict.fromkeys(ROLES - {"migrate"}, 0), compose.outputs()


def _until_over(client: httpx.Client, path: str, headers: dict[str, str], compose: LocalCompose) -> dict:  # type: ignore[type-arg]
    give_up = time.monotonic() + DELIVERED_SECONDS
    while True:
        alarm: dict[str, object] = client.get(path, headers=headers).raise_for_status().json()
        calls = alarm["calls"]
        assert isinstance(calls, list)
        if alarm["status"] != "open" and all(call["state"] not in ("queued", "active") for call in calls):
            return alarm
        assert time.monotonic() < give_up, f"{alarm}\n{compose.outputs()}"
        time.sleep(0.2)


def _stopped(compose: LocalCompose) -> dict[str, int]:
    """The status of each service that still runs, after SIGTERM to all of them at once."""
    lasting = {name: one for name, one in compose.running.items() if one.is_running}
    for one in lasting.values():
        one.terminate()
    return {name: one.ended_with() for name, one in lasting.items()}
