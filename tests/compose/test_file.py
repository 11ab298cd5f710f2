"""docker-compose.yml and the Dockerfile, as far as they can be judged without a container engine."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from dispatcher.config import load
from tests.compose.compose_file import ROOT, ComposeFile, variables

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PACKAGES = ("dispatcher", "workers", "migrations")


@pytest.fixture
def file() -> ComposeFile:
    return ComposeFile()


def test_every_role_is_there(file: ComposeFile) -> None:
    assert {service.name for service in file.ours} == {
        *("migrate", "api", "reports", "pacer", "workers", "simulator")
    }
    assert set(file.services) - {service.name for service in file.ours} == {
        *("postgres", "redis", "prometheus", "grafana")
    }


def test_everything_that_is_mounted_exists(file: ComposeFile) -> None:
    for service in file.services.values():
        for source in service.mounts.values():
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{service.name} mounts {source}"
            else:
                assert source in file.volumes, (
                    f"{service.name} mounts the volume {source}, which is not declared"
                )


def test_what_is_waited_for_can_come(file: ComposeFile) -> None:
    for service in file.services.values():
        for name, condition in service.after.items():
            assert name in file.services, f"{service.name} waits for {name}"
            if condition == "service_healthy":
                assert file.services[name].health_check, f"{service.name} waits for the health of {name}"


def test_whatever_ends_is_started_again_but_the_migration(file: ComposeFile) -> None:
    restarts = {service.name: service.definition.get("restart") for service in file.services.values()}
    assert restarts.pop("migrate") == "no"
    assert set(restarts.values()) == {"unless-stopped"}


def test_everything_is_published_on_loopback_unless_asked(file: ComposeFile) -> None:
    for service in file.services.values():
        for port, place in service.published.items():
            assert re.fullmatch(r"127\.0\.0\.1:\d+", place), f"{service.name} publishes {port} on {place}"


def test_no_secret_stands_in_the_file(file: ComposeFile) -> None:
    raw = yaml.safe_load(file.text)
    for name, service in raw["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", key):
                assert re.fullmatch(r"\$\{[A-Z_]+:-.+\}", value), f"{name}: {key} can not be set from outside"
    secrets = {key: value for key, value in variables(file.text).items() if re.search("PASSWORD|TOKEN", key)}
    assert secrets.pop("GRAFANA_PASSWORD") == "admin"
    assert all(value.startswith("local-only") for value in secrets.values()), secrets


def test_every_variable_is_documented(file: ComposeFile) -> None:
    documented = (ROOT / "docs/operations.md").read_text()
    missing = [name for name in variables(file.text) if f"`{name}`" not in documented]
    assert not missing


def test_a_value_from_outside_reaches_the_services() -> None:
    file = ComposeFile({"PBX_PASSWORD": "other", "API_BIND": "10.0.0.5", "POSTGRES_PASSWORD": "deep"})
    assert file.services["api"].environment["PBX_PASSWORD"] == "other"
    assert file.services["simulator"].environment["SIMULATOR_PASSWORD"] == "other"
    assert file.services["api"].published == {8080: "10.0.0.5:8080"}
    assert ":deep@postgres:5432/" in file.services["pacer"].environment["DISPATCHER_STORE__URL"]


def test_the_configuration_loads_with_the_environment_of_every_role(
    file: ComposeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in file.ours:
        if "/etc/dispatcher/dispatcher.toml" not in service.mounts:
            continue
        for key, value in service.environment.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("DISPATCHER_CONFIG", str(ROOT / "deploy/dispatcher.toml"))
        settings = load()
        assert settings.store.url.startswith("postgresql+psycopg://dispatcher:local-only@postgres:5432/")
        assert settings.reports.advertised() == "http://reports:8260"
        assert settings.pbx[0].url == "http://simulator:8088"


def test_prometheus_and_grafana_look_where_things_are(file: ComposeFile) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["api:8080"]}]
    assert 8080 in file.services["api"].published
    sources = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert 9090 in file.services["prometheus"].published
    boards = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/dispatcher.yml").read_text())
    assert boards["providers"][0]["options"]["path"] in file.services["grafana"].mounts


def test_the_image_is_built_from_what_is_here_and_pinned() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), f"the Dockerfile copies {source}"
        assert source in kept, f".dockerignore leaves out {source}"
    for install in re.findall(r"pip install (.+?)(?: \\)?$", DOCKERFILE, re.MULTILINE):
        assert "--require-hashes" in install or "--no-index" in install, install


def test_the_image_runs_as_nobody_in_particular() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\S+)$", final, re.MULTILINE)
    assert users == ["dispatcher"]
    assert "://" not in DOCKERFILE


@pytest.mark.slow
def test_the_wheel_in_the_image_holds_the_whole_product(tmp_path: Path) -> None:
    # A copy, since the build must see what the image's build sees, and leave nothing behind here.
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path), "."],
        cwd=source,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = {str(path.relative_to(source)) for name in PACKAGES for path in (source / name).rglob("*")}
    missing = {name for name in files if (source / name).is_file()} - packed
    assert not missing, f"not in the wheel: {sorted(missing)}"
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert "dispatcher" in scripts
