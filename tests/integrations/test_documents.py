"""The other snippets of the documents: configuration that is accepted, commands that do what they say."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dispatcher.config import load
from tests.integrations.site import DOCS, TOKEN, Site, snippets

DOCUMENTS = sorted(path.name for path in DOCS.glob("*.md") if path.name not in ("README.md", "nagios.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_configuration_is_accepted(document: str, tmp_path: Path) -> None:
    [snippet] = snippets(document, "toml")
    file = tmp_path / "dispatcher.toml"
    file.write_text(snippet)
    names = [line.split('"')[1] for line in snippet.splitlines() if "_env" in line]

    settings = load(file, {name: f"the {name}" for name in names})

    [key] = settings.api.key
    assert key.scopes == ["intake"]
    assert key.secret().startswith("the ")


def test_the_secret_of_grafana_comes_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "dispatcher.toml"
    file.write_text(snippets("grafana.md", "toml")[0])
    settings = load(file, {"GRAFANA_TOKEN": "x", "GRAFANA_SECRET": "between us"})
    assert settings.intake.grafana.signing_secret() == "between us"
    assert "between us" not in repr(settings)


def test_grafana_s_contact_point_signs_as_we_check(tmp_path: Path) -> None:
    file = tmp_path / "dispatcher.toml"
    file.write_text(snippets("grafana.md", "toml")[0])
    ours = load(file, {"GRAFANA_TOKEN": "x", "GRAFANA_SECRET": "between us"}).intake.grafana
    [point] = yaml.safe_load(snippets("grafana.md", "yaml")[0])["contactPoints"]
    settings = point["receivers"][0]["settings"]
    assert settings["hmacConfig"]["header"] == ours.signature_header
    assert settings["hmacConfig"]["timestampHeader"] == ours.timestamp_header
    assert settings["url"].partition("?")[0].endswith("/v1/intake/grafana")


def curl(site: Site, command: str) -> Any:
    """What the dispatcher answers to one of the documented commands."""
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TOKEN": TOKEN, "DISPATCHER": site.api},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_the_generic_commands_raise_and_resolve(site: Site) -> None:
    raising, resolving = snippets("generic.md", "sh")

    raised = curl(site, raising)
    assert (raised["status"], raised["dedup_key"], raised["policy"]) == ("open", "boiler-3", "night-shift")
    assert raised["labels"] == {"site": "north", "team": "heating"}
    site.until(lambda: site.dials() >= 1, "the call")
    assert curl(site, raising)["occurrences"] == 2

    resolved = curl(site, resolving)
    assert (resolved["id"], resolved["status"]) == (raised["id"], "resolved")
    site.silence_after("boiler-3")
