"""A real Prometheus fires a rule, and a real Alertmanager with the documented receiver tells us."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integrations.site import POLICY, TOKEN, Site, snippets
from tests.services import AlertmanagerServer, PrometheusServer
from tests.services.fixtures import running
from tests.services.process import HOST

QUICKLY = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "3s"}


class Boilers(http.server.BaseHTTPRequestHandler):
    """What is measured: an exporter whose boilers are as hot as a test says."""

    pressures: dict[str, float]

    def do_GET(self) -> None:
        lines = [f'boiler_pressure_bar{{boiler="{name}"}} {bar}\n' for name, bar in self.pressures.items()]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write("".join(lines).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def boilers() -> Iterator[tuple[dict[str, float], int]]:
    pressures = {"3": 4.0, "4": 4.0}
    handler = type("Handler", (Boilers,), {"pressures": pressures})
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield pressures, server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def alertmanager(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerServer]:
    """The documented configuration, with our address and token, and shorter times."""
    token = tmp_path_factory.mktemp("alertmanager") / "dispatcher.token"
    token.write_text(TOKEN)
    config = yaml.safe_load(snippets("alertmanager.md", "yaml")[0])
    config["route"] |= QUICKLY
    [hook] = config["receivers"][1]["webhook_configs"]
    assert hook["url"].startswith("http://dispatcher.example.org:8080/")
    hook["url"] = hook["url"].replace("http://dispatcher.example.org:8080", site.api)
    hook["http_config"]["authorization"]["credentials_file"] = str(token)
    yield from running(AlertmanagerServer(yaml.safe_dump(config)))


@pytest.fixture(scope="module")
def prometheus(
    alertmanager: AlertmanagerServer,
    boilers: tuple[dict[str, float], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PrometheusServer]:
    """Watches the boilers by the documented rule, every second."""
    rules: Path = tmp_path_factory.mktemp("prometheus") / "rules.yml"
    documented = yaml.safe_load(snippets("alertmanager.md", "yaml")[1])
    documented["groups"][0]["rules"][0]["for"] = "1s"
    rules.write_text(yaml.safe_dump(documented))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"{HOST}:{alertmanager.port}"]}]}]},
        "scrape_configs": [
            {"job_name": "boilers", "static_configs": [{"targets": [f"{HOST}:{boilers[1]}"]}]},
        ],
    }
    yield from running(PrometheusServer(yaml.safe_dump(config)))


@pytest.mark.usefixtures("prometheus")
def test_a_rule_that_fires_calls_people_until_it_is_over(
    site: Site, boilers: tuple[dict[str, float], int]
) -> None:
    pressures, _ = boilers

    pressures["3"] = 12.0
    site.until(site.alarms, "the alert")
    [alarm] = site.alarms()
    assert (alarm["source"], alarm["policy"], alarm["severity"], alarm["status"]) == (
        "alertmanager",
        POLICY,
        "critical",
        "open",
    )
    assert alarm["summary"] == "Boiler 3 over-pressure"
    assert alarm["labels"]["site"] == "north"
    site.until(lambda: site.dials() >= 1, "the call")

    site.until(lambda: site.alarms()[0]["occurrences"] >= 2, "the repeat")
    assert len(site.alarms()) == 1, "a repeat joins"
    assert len(site.alarms()[0]["calls"]) == 1, "and calls nobody anew"

    pressures["4"] = 11.0
    site.until(lambda: len(site.alarms()) == 2, "the other boiler, in the same group")
    assert {one["status"] for one in site.alarms()} == {"open"}

    pressures["3"] = pressures["4"] = 4.0
    site.until(lambda: {one["status"] for one in site.alarms()} == {"resolved"}, "the end of both")
    assert {call["state"] for one in site.alarms() for call in one["calls"]} == {"cancelled"}
    site.silence_after(alarm["dedup_key"])

    pressures["3"] = 13.0
    site.until(lambda: len(site.alarms()) == 3, "the next episode")
    assert site.alarms()[0]["status"] == "open"
    pressures["3"] = 4.0
    site.until(lambda: site.alarms()[0]["status"] == "resolved", "its end")


@pytest.mark.usefixtures("prometheus")
def test_what_happens_while_the_dispatcher_is_away_is_told_when_it_is_back(
    site: Site, boilers: tuple[dict[str, float], int]
) -> None:
    pressures, _ = boilers
    before = len(site.alarms())
    pressures["4"] = 12.0
    site.until(lambda: len(site.alarms()) == before + 1, "the alert")

    site.end()
    pressures["4"] = 4.0
    site.launch()

    site.until(lambda: site.alarms()[0]["status"] == "resolved", "the end, after the restart")
    assert len(site.alarms()) == before + 1
