"""Help is there for every command, and costs next to nothing."""

import subprocess
import sys

import pytest

from dispatcher.cli.app import _COMMANDS
from tests.cli.site import DISPATCHER, run

HEAVY = ("sqlalchemy", "pydantic", "fastapi", "dramatiq", "httpx", "phonenumbers")


def test_help_imports_nothing_heavy() -> None:
    """What help may cost on any machine: none of the libraries that the commands need."""
    program = (
        "import sys; from dispatcher.cli.app import app\n"
        "try: app(['--help'])\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in _COMMANDS)


@pytest.mark.parametrize("name", [*_COMMANDS])
def test_every_command_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"{name} [OPTIONS]" in result.output


@pytest.mark.parametrize(
    ("group", "steps"),
    [
        ("alarm", ["raise", "list", "show", "proof", "test", "ack", "escalate", "resolve", "cancel"]),
        (
            "campaign",
            ["create", "import", "start", "pause", "resume", "cancel", "watch", "list", "show", "results"],
        ),
    ],
)
def test_groups_list_their_steps(group: str, steps: list[str]) -> None:
    output = run(group, "--help").output
    assert all(f" {step} " in output for step in steps)


def test_version() -> None:
    done = subprocess.run([*DISPATCHER, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("dispatcher 0.")


def test_a_command_that_does_not_exist() -> None:
    result = run("campain")
    assert result.exit_code == 2
    assert "Did you mean 'campaign'" in result.output
