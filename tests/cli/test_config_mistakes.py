"""A mistake in the configuration stops every command with status 2 and the mistake's own text."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.site import DISPATCHER, Site, run

COMMANDS = [
    ("up",),
    ("api",),
    ("reports",),
    ("pacer",),
    ("migrate",),
    ("doctor",),
    ("alarm", "list"),
    ("campaign", "list"),
]


def _misspelt(site: Site) -> Path:
    file = site.file
    file.write_text(file.read_text().replace("channels = 5", "chanels = 5"))
    return file


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_text_is_printed_and_nothing_else(command: tuple[str, ...], site: Site) -> None:
    file = _misspelt(site)
    result = run(*command, "--config", str(file))
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert f"{file}: pbx[0].trunk[0].chanels" in result.stderr
    assert "Did you mean channels?" in result.stderr
    assert result.stdout == ""


def test_as_a_process(site: Site) -> None:
    command = [*DISPATCHER, "up", "--config", str(_misspelt(site))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Did you mean channels?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("role", ["api", "reports", "pacer"])
def test_a_role_alone_needs_a_broker_that_others_share(role: str, site: Site) -> None:
    result = run(role, "--config", str(site.file))
    assert result.exit_code == 2
    assert "broker.url" in result.output
    assert "redis://" in result.output


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "none.toml"), "up")
    assert result.exit_code == 2
    assert "none.toml: No such file or directory" in result.output


def test_the_variable_names_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCHER_CONFIG", str(tmp_path / "missing.toml"))
    result = run("migrate")
    assert result.exit_code == 2
    assert "missing.toml" in result.output
