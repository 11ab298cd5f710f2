"""``dispatcher up`` as a process: it works, and it ends well."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dispatcher.cli.client import Api, ApiError
from dispatcher.simulator import Fault, Faults, SimulatedPbx
from tests.cli.site import Running, Site, run, running

DRAIN = 20.0
ALARM = {"summary": "Fire", "to": [{"number": "+31612340001"}], "message": {"ivr": "6500"}}


@pytest.fixture
def up(site: Site) -> Iterator[Running]:
    with running("up", "--config", str(site.file)) as command:
        yield command


def test_an_alarm_is_delivered_and_sigterm_ends_it_with_status_0(up: Running) -> None:
    with Api(up.url()) as api:
        alarm = api.post("/v1/alarms", ALARM)
        while alarm["calls"][0]["state"] in ("queued", "active"):
            time.sleep(0.05)
            alarm = api.get(f"/v1/alarms/{alarm['id']}")
        assert alarm["calls"][0]["state"] == "delivered"
    status, seconds = up.terminate()
    assert status == 0
    assert seconds < DRAIN


def test_neither_a_follower_nor_a_dial_under_way_keeps_it_from_ending(
    up: Running, site: Site, pbx: SimulatedPbx
) -> None:
    pbx.set_faults(Faults({Fault.SLOW_RESPONSE: 1.0}, slow_seconds=60))
    url = up.url()
    opened = threading.Event()

    def follow() -> None:
        with Api(url) as api:
            try:
                for _ in api.events(opened.set):
                    pass
            except ApiError:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    assert opened.wait(30)
    with Api(url) as api:
        api.post("/v1/alarms", ALARM)
    pbx.judge.wait_for(lambda judge: len(judge.dials()) == 1)
    status, seconds = up.terminate()
    follower.join(30)
    assert status == 0
    assert seconds < DRAIN
    assert not follower.is_alive()


def test_a_port_that_is_taken_is_named(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.api = f"127.0.0.1:{taken.getsockname()[1]}"
        with running("up", "--config", str(site.file)) as command:
            line = command.wait_for("can't listen on")
            assert site.api in line
            assert command.process.wait(timeout=30) == 1


def test_the_pbx_is_told_the_port_that_was_taken(up: Running, site: Site, pbx: SimulatedPbx) -> None:
    line = up.wait_for("ready: ")
    reports = line.split("reports at ")[1].strip()
    assert httpx.get(f"{reports}/healthz").text == "ok"
    assert not reports.endswith(":0")


def test_migrate_brings_the_schema_and_says_so(tmp_path: Path, site: Site) -> None:
    site.store_url = f"sqlite:///{tmp_path / 'new.db'}"
    result = run("migrate", "--config", str(site.file))
    assert result.exit_code == 0
    assert "new.db has the newest schema" in result.output
    assert run("migrate", "--config", str(site.file)).exit_code == 0


def test_migrate_can_print_the_statements(site: Site) -> None:
    result = run("migrate", "--sql", "--config", str(site.file))
    assert result.exit_code == 0
    assert "CREATE TABLE alarms" in result.stdout
