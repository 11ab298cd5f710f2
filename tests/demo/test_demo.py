"""``dispatcher demo`` as a person or CI runs it: a process, without and with a terminal."""

import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.store import schema
from tests.cli.site import DISPATCHER

# Small and quick: thirty people are enough for every kind, and the delays between attempts are short.
DEMO = [*DISPATCHER, "demo", "--exit", "--numbers", "30", "--speed", "8"]
K2_OVER_TCP = [*DEMO, "--family", "yeastar-k2", "--tcp"]
P_POSTS = [*DEMO, "--family", "yeastar-p"]
P_OVER_WEBSOCKET = [*P_POSTS, "--websocket"]
OF_USERS = [*DISPATCHER, "demo", "--exit", "--family", "axeos", "--numbers", "12", "--speed", "8"]

OTHERS = {
    "yeastar-k2 over TCP": K2_OVER_TCP,
    "yeastar-p by webhook": P_POSTS,
    "yeastar-p over a WebSocket": P_OVER_WEBSOCKET,
    "of users": OF_USERS,
    "asterisk": [*DEMO, "--family", "asterisk"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Played:
    """A demo that has ended: its status and everything that it showed."""

    def __init__(self, status: int, shown: str) -> None:
        self.status = status
        self.shown = shown


def _in_a_terminal(command: list[str]) -> Played:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "40"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:
            pass  # Linux's way to say that the other side has gone.
        os.close(master)
        return Played(process.wait(), shown.decode(errors="replace"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept.db"


@pytest.fixture(scope="module")
def demos(kept: Path) -> dict[str, Played]:
    """One demo as scripted, in CI; beside it one with a callee against the script, in a terminal."""
    played: dict[str, Played] = {}

    def as_scripted() -> None:
        command = [*DEMO, "--keep", str(kept)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        played["as scripted"] = Played(done.returncode, done.stdout + done.stderr)

    def otherwise() -> None:
        played["otherwise"] = _in_a_terminal([*DEMO, "--misbehave", "1486=busy"])

    def other_family() -> None:
        for name, command in OTHERS.items():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            played[name] = Played(done.returncode, done.stdout + done.stderr)

    threads = [threading.Thread(target=play) for play in (as_scripted, otherwise, other_family)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return played


def test_everything_comes_out_as_scripted(demos: dict[str, Played]) -> None:
    demo = demos["as scripted"]
    assert demo.status == 0, demo.shown
    assert "All 38 calls came out as scripted." in demo.shown


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "of users"])
def test_the_same_story_is_told_over_another_family(demos: dict[str, Played], name: str) -> None:
    demo = demos[name]
    assert demo.status == 0, demo.shown
    assert "All 38 calls came out as scripted." in demo.shown
    assert f"simulated {name.partition(' ')[0]}" in demo.shown
    assert "log: " not in demo.shown


def test_users_are_called_where_only_they_can_be(demos: dict[str, Played]) -> None:
    demo = demos["of users"]
    assert demo.status == 0, demo.shown
    assert "All 12 calls came out as scripted." in demo.shown
    assert "channel utilisation" not in demo.shown
    assert "log: " not in demo.shown


def test_the_summary_has_the_figures(demos: dict[str, Played]) -> None:
    shown = demos["as scripted"].shown
    for figure in (
        "delivered",
        "heard",
        "failures by cause",
        "per delivery",
        "channel utilisation",
        "channels at most",
        "alarm to ring",
        "Boiler 3 over-pressure",
    ):
        assert figure in shown
    assert re.search(r"10 of 10|[1-9] of 10", shown)
    assert "full 0 times" in shown


def test_without_a_terminal_there_are_plain_lines(demos: dict[str, Played]) -> None:
    shown = demos["as scripted"].shown
    assert "\x1b" not in shown
    assert "alarm: Boiler 3 over-pressure: acknowledged: key 1" in shown
    assert re.search(r"campaign \d+ of 30: ", shown)
    assert "Traceback" not in shown
    assert "log: " not in shown


def test_the_database_is_kept_where_it_was_asked_for(demos: dict[str, Played], kept: Path) -> None:
    assert schema.is_current(f"sqlite:///{kept}")


def test_a_callee_against_the_script_fails_it_and_is_named(demos: dict[str, Played]) -> None:
    demo = demos["otherwise"]
    assert demo.status == 1
    assert "calls came out as scripted." in demo.shown
    assert "busy, then answers: expected delivered after 2 attempts, got failed (busy) after 3" in demo.shown


def test_in_a_terminal_every_call_is_seen_live(demos: dict[str, Played]) -> None:
    shown = demos["otherwise"].shown
    for part in ("calls that are up", "what happens", "channels in use", "ringing", "listening"):
        assert part in shown


@pytest.fixture
def begun() -> Iterator["subprocess.Popen[str]"]:
    """A demo as a script starts it in the background: SIGINT comes to it ignored."""
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *DISPATCHER, "demo", "--exit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_it_can_be_interrupted(begun: "subprocess.Popen[str]") -> None:
    assert begun.stdout is not None
    assert any("campaign " in line for line in begun.stdout)
    begun.send_signal(signal.SIGINT)
    assert begun.wait(timeout=60) == 130


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (["--misbehave", "9999=busy"], "CODE=BEHAVIOUR"),
        (["--tcp"], "do not come over TCP"),
        (["--websocket", "--family", "yeastar-k2"], "has no WebSocket"),
    ],
)
def test_a_wish_that_is_not_known_is_a_usage_error(wish: list[str], says: str) -> None:
    command = [*DISPATCHER, "demo", *wish]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
