"""Every panel of the dashboards and every alert rule, asked of a real Prometheus after real work."""

import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.dashboards import ROOT, Query, base_metric, documents, queries, variables
from tests.grafana.site import SCRAPE_SECONDS, TRUNK, Site
from tests.services import ServiceMissing
from tests.services.fixtures import without_service

ALERTS = ROOT / "deploy/alerts.yml"
QUERIES = list(queries())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, prometheus_binary: Path) -> Iterator[Site]:
    """The site after its day's work; it stays up for all tests of this file."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        site.work()
        yield site


def filled(query: Query, site: Site) -> str:
    """The query as Grafana would send it with the whole day in view, and everything chosen."""
    length = max(1, round(site.ended - site.begun))
    values = {
        "__range": f"{length}s",
        "__rate_interval": f"{4 * SCRAPE_SECONDS}s",
        "window": "15m",
        **{
            name: item["allValue"]
            for name, item in variables(documents()[query.dashboard]).items()
            if "allValue" in item
        },
    }
    return query.filled(values)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("query", QUERIES, ids=[f"{query}: {place}" for place, query in enumerate(QUERIES)])
def test_every_panel_shows_data(query: Query, site: Site) -> None:
    expression = filled(query, site)
    if query.instant:
        assert _finite(site.series(expression)), f"{query}: no data now for {expression}"
    values = _finite(site.ranges(expression))
    assert values, f"{query}: no data for {expression}"
    # The day had something of everything, so that a panel of zeros alone reads the wrong thing.
    assert any(value > 0 for value in values), f"{query}: only zeros for {expression}"


def _finite(found: list[list[float]]) -> list[float]:
    return [value for series in found for value in series if math.isfinite(value)]


@pytest.mark.slow
def test_what_the_panels_show_is_what_happened(site: Site) -> None:
    def value(title: str) -> float:
        (query,) = [one for one in QUERIES if one.panel == title and one.instant]
        ((shown,),) = site.series(filled(query, site))
        return shown

    assert value("Channel limit") == 6
    assert 0.3 < value("ASR") < 0.95
    assert value("ASR") < value("NER") < 1
    assert 1 <= value("Attempts per delivery") < 4
    assert 0 < value("Occupancy") <= 1
    assert value("Alarm calls delivered") == pytest.approx(0.75, abs=0.01)


@pytest.mark.slow
def test_the_variables_offer_what_there_is(site: Site) -> None:
    board = variables(documents()["trunks.json"])
    asked = {
        name: re.fullmatch(r"label_values\((.+), (\w+)\)", board[name]["definition"])
        for name in ("pbx", "trunk")
    }
    offered = {
        name: site.label_values(found[1].replace("$pbx", ".*"), found[2])
        for name, found in asked.items()
        if found
    }
    assert offered == {"pbx": ["hq"], "trunk": [TRUNK]}


@pytest.mark.slow
def test_prometheus_evaluates_every_alert_rule(site: Site) -> None:
    names = {
        rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    }
    assert site.rules() == dict.fromkeys(names, "ok")


@pytest.mark.slow
def test_the_dashboards_and_rules_read_every_metric_and_no_other(site: Site) -> None:
    exported = set(re.findall(r"^# TYPE (dispatcher_\w+)", site.metrics(), re.MULTILINE))
    shown = {base_metric(name) for query in QUERIES for name in query.metrics}
    alerted = {base_metric(name) for name in re.findall(r"\bdispatcher_[a-z_]+", ALERTS.read_text())}
    assert shown == exported
    assert alerted <= exported


def test_the_alert_rules_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        without_service(ServiceMissing("promtool", "prometheus"))
    for command in (
        ["check", "config", str(ROOT / "deploy/prometheus.yml")],
        ["test", "rules", str(Path(__file__).with_name("alerts_test.yml"))],
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", documents())
def test_the_dashboard_is_one_that_grafana_takes(name: str) -> None:
    board = documents()[name]
    ids = [panel["id"] for panel in board["panels"]]
    assert board["schemaVersion"] >= 39
    assert len(set(ids)) == len(ids)
    own = set(variables(board))
    for query in (one for one in QUERIES if one.dashboard == name):
        assert query.variables <= own | {"__range", "__rate_interval"}, query
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"]
        assert panel["description"], f"{panel['title']} does not say what it shows"
    assert not list(_overlaps(board["panels"]))


def test_the_dashboards_link_to_each_other() -> None:
    uids = {board["uid"] for board in documents().values()}
    assert len(uids) == len(documents())
    for board in documents().values():
        for link in board["links"]:
            assert link["url"].removeprefix("/d/") in uids


def _overlaps(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    placed = sorted(panels, key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
    for one, other in pairwise(placed):
        a, b = one["gridPos"], other["gridPos"]
        if a["y"] == b["y"] and a["x"] + a["w"] > b["x"]:
            yield one["title"], other["title"]
        assert a["x"] + a["w"] <= 24
