"""The provisioned dashboards, read and filled in as Grafana does it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana/dashboards"
_METRIC = re.compile(r"\bdispatcher_[a-z_]+")
_VARIABLE = re.compile(r"\$\{?([a-zA-Z_]+)\}?")


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: str
    expression: str
    instant: bool

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics that it reads."""
        return set(_METRIC.findall(self.expression))

    @property
    def variables(self) -> set[str]:
        """The names of the dashboard's and of Grafana's variables in it."""
        return set(_VARIABLE.findall(self.expression))

    def filled(self, values: Mapping[str, str]) -> str:
        """The expression with every variable replaced."""
        return _VARIABLE.sub(lambda found: values[found[1]], self.expression)

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel}"


def documents() -> dict[str, dict[str, Any]]:
    """Every dashboard by its file's name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def queries() -> Iterator[Query]:
    """Every query of every panel."""
    for name, document in documents().items():
        for panel in document["panels"]:
            for target in panel.get("targets", []):
                yield Query(name, panel["title"], target["expr"], target.get("instant", False))


def variables(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A dashboard's own variables by their name."""
    return {item["name"]: item for item in document["templating"]["list"]}


def base_metric(name: str) -> str:
    """The metric that a histogram's series belongs to."""
    return re.sub(r"_(bucket|sum|count)$", "", name)
