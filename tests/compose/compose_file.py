"""Reads docker-compose.yml as Compose does: anchors and merges by YAML, `${NAME:-value}` by hand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OUR_IMAGE = "ivr-dispatcher"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+):-(?P<value>[^}]*)\}")


def interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with every `${NAME:-value}` in it replaced."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: environment.get(found["name"]) or found["value"], value)
    if isinstance(value, list):
        return [interpolated(item, environment) for item in value]
    if isinstance(value, dict):
        return {key: interpolated(item, environment) for key, item in value.items()}
    return value


def variables(text: str) -> dict[str, str]:
    """The variables that the file's text reads, with their defaults; comments are left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {found["name"]: found["value"] for found in _VARIABLE.finditer("\n".join(lines))}


@dataclass(frozen=True)
class Service:
    """One service of the file."""

    name: str
    definition: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it runs the product's own image."""
        return str(self.definition["image"]).partition(":")[0] == OUR_IMAGE

    @property
    def command(self) -> list[str]:
        """Its command, word by word."""
        return [str(word) for word in self.definition.get("command", [])]

    @property
    def environment(self) -> dict[str, str]:
        """Its environment."""
        return {name: str(value) for name, value in self.definition.get("environment", {}).items()}

    @property
    def health_check(self) -> list[str]:
        """The command that says whether it is healthy; empty if there is none."""
        test = self.definition.get("healthcheck", {}).get("test", ["NONE"])
        assert test[0] in ("CMD", "NONE"), f"{self.name}: a health check must be a list that begins with CMD"
        return [str(word) for word in test[1:]]

    @property
    def after(self) -> dict[str, str]:
        """What must be there before it: service → condition."""
        wanted = self.definition.get("depends_on", {})
        if isinstance(wanted, list):
            return dict.fromkeys(wanted, "service_started")
        return {name: item["condition"] for name, item in wanted.items()}

    @property
    def published(self) -> dict[int, str]:
        """Its published ports: port in the container → where it is published."""
        found = {}
        for port in self.definition.get("ports", []):
            place, _, inside = str(port).rpartition(":")
            found[int(inside)] = place
        return found

    @property
    def mounts(self) -> dict[str, str]:
        """What is mounted: path in the container → path or volume on the host."""
        found = {}
        for volume in self.definition.get("volumes", []):
            source, target, *_ = str(volume).split(":")
            found[target] = source
        return found


class ComposeFile:
    """The whole file, as it is with `environment`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.text = FILE.read_text()
        document = interpolated(yaml.safe_load(self.text), environment or {})
        self.services = {name: Service(name, item) for name, item in document["services"].items()}
        self.volumes = set(document.get("volumes", {}))

    @property
    def ours(self) -> list[Service]:
        """Our services, each after those that it depends on."""
        ordered: list[Service] = []

        def add(service: Service) -> None:
            for name in service.after:
                add(self.services[name])
            if service.is_ours and service not in ordered:
                ordered.append(service)

        for service in self.services.values():
            add(service)
        return ordered
