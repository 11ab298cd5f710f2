"""``api``, ``reports`` and ``pacer``, each as a process of its own, on PostgreSQL and Redis."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dispatcher.simulator import SimulatedPbx
from tests.cli.site import Running, Site, run, running

DRAIN = 10.0


@pytest.fixture
def apart(tmp_path: Path, postgres_url: str, redis_url: str, pbx: SimulatedPbx) -> Site:
    """A site whose roles run apart."""
    ports = _free_ports(2)
    return Site(
        tmp_path,
        postgres_url,
        pbx,
        redis_url,
        api=f"127.0.0.1:{ports[0]}",
        reports=f"127.0.0.1:{ports[1]}",
    )


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(params=["api", "reports", "pacer"])
def role(request: pytest.FixtureRequest, apart: Site) -> Iterator[tuple[str, Running]]:
    with running(request.param, "--config", str(apart.file)) as command:
        yield request.param, command


def test_each_role_starts_answers_and_ends(role: tuple[str, Running], apart: Site, pbx: SimulatedPbx) -> None:
    name, command = role
    line = command.wait_for("ready: ")
    match name:
        case "api":
            assert httpx.get(f"http://{apart.api}/readyz").status_code == 200
        case "reports":
            assert httpx.get(f"http://{apart.reports}/healthz").text == "ok"
        case "pacer":
            assert "hq/SPS-6-36" in line
            # Upkeep takes a session at the PBX before anybody is called.
            pbx.judge.wait_for(lambda judge: any(entry.kind == "login" for entry in judge.log()))
    status, seconds = command.terminate()
    assert status == 0
    assert seconds < DRAIN


def test_a_role_waits_for_the_schema_and_goes_on_when_it_is_there(
    apart: Site, empty_postgres_url: str
) -> None:
    apart.store_url = empty_postgres_url
    with running("api", "--config", str(apart.file)) as command:
        line = command.wait_for("waiting for the database")
        assert "dispatcher migrate" in line
        assert run("migrate", "--config", str(apart.file)).exit_code == 0
        command.wait_for("ready: ")
        assert httpx.get(f"http://{apart.api}/readyz").status_code == 200


def test_a_role_that_waits_for_a_database_that_is_away_can_be_ended(apart: Site) -> None:
    apart.store_url = "postgresql+psycopg://nobody:secret-word@127.0.0.1:1/none"
    with running("reports", "--config", str(apart.file)) as command:
        command.wait_for("waiting for the database")
        time.sleep(0.5)
        status, seconds = command.terminate()
        assert status == 0
        assert seconds < DRAIN
        assert "secret-word" not in "".join(command.lines)


def test_all_roles_in_one_process_on_postgresql_and_redis(apart: Site) -> None:
    with running("up", "--config", str(apart.file)) as command:
        url = command.url()
        raised = run("alarm", "raise", "Fire", "--policy", "night-shift", "--wait", "--url", url)
        assert raised.exit_code == 0, raised.output
        assert "acknowledged" in raised.output
        assert command.terminate()[0] == 0
