"""The notification command by itself: its options, its tries, and what it says when nobody is called."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrations.site import ROOT
from tests.services.process import HOST, free_port

SCRIPT = ROOT / "deploy/icinga/notify-dispatcher"
USUAL = ("--type", "PROBLEM", "--host", "boiler-3")
Request = tuple[str, dict[str, str], dict[str, Any]]


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses that a test has lined up, the last one again and again."""

    statuses: list[int]
    seen: list[Request]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), json.loads(body)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            # The line is cut within the answer.
            return
        self.send_response(status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"why?")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Dispatcher:
    """Stands where the dispatcher would."""

    def __init__(self, port: int, statuses: list[int], seen: list[Request]) -> None:
        self.url = f"http://{HOST}:{port}"
        self.statuses = statuses
        self.seen = seen

    def answer(self, *statuses: int) -> None:
        self.statuses[:] = statuses


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    statuses, seen = [202], list[Request]()
    handler = type("Handler", (Answers,), {"statuses": statuses, "seen": seen})
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Dispatcher(server.server_address[1], statuses, seen)
        server.shutdown()
        thread.join()


def notify(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    usual = {"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", str(SCRIPT), *words],
        env=usual | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_sends_what_it_is_given(dispatcher: Dispatcher, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    before = time.time()
    done = notify(
        *USUAL,
        *("--url", f"{dispatcher.url}/", "--token-file", str(tmp_path / "token"), "--policy", "night & day"),
        *("--service", "pressure", "--state", "CRITICAL", "--output", "--help", "--acknowledged", "0"),
        *("--hostgroup", "a", "--hostgroup", "b", "--label", "team=heating=2", "--label", "none"),
        *("--author", "", "--comment", "caf\udce9", "--sent-at", "", "--link", "http://icinga/"),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [(path, headers, body)] = dispatcher.seen
    assert path == "/v1/intake/icinga?policy=night%20%26%20day"
    assert headers["Authorization"] == "Bearer s3cret"
    assert before <= body.pop("sent_at") <= time.time()
    assert body == {
        "type": "PROBLEM",
        "host": "boiler-3",
        "service": "pressure",
        "state": "CRITICAL",
        "output": "--help",
        "comment": "caf\udce9",
        "acknowledged": False,
        "hostgroups": "a,b",
        "labels": {"team": "heating=2"},
        "url": "http://icinga/",
    }


@pytest.mark.parametrize("trouble", [503, 500, 429, 0])
def test_it_tries_again_with_the_same_request(dispatcher: Dispatcher, trouble: int) -> None:
    dispatcher.answer(trouble, 202)
    done = notify(*USUAL, DISPATCHER_URL=dispatcher.url, DISPATCHER_TOKEN="s3cret")
    assert done.returncode == 0
    assert "trying again" in done.stderr
    assert len(dispatcher.seen) == 2
    assert len({headers["Idempotency-Key"] for _, headers, _ in dispatcher.seen}) == 1
    assert dispatcher.seen[0][2] == dispatcher.seen[1][2]


@pytest.mark.parametrize("status", [401, 403, 422])
def test_what_is_refused_is_not_sent_again(dispatcher: Dispatcher, status: int) -> None:
    dispatcher.answer(status)
    done = notify(*USUAL, "--url", dispatcher.url, DISPATCHER_TOKEN="s3cret")
    assert done.returncode == 1
    assert f"NOBODY IS CALLED: the dispatcher answers {status}: why?" in done.stderr
    assert "s3cret" not in done.stderr
    assert len(dispatcher.seen) == 1


def test_it_gives_up_in_time() -> None:
    begun = time.monotonic()
    done = notify(*USUAL, "--url", f"http://{HOST}:{free_port()}", "--give-up-after", "7")
    assert done.returncode == 1
    assert "NOBODY IS CALLED" in done.stderr
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--type", "PROBLEM", "--url", "http://x"), "--host is needed"),
        ((*USUAL, "--url", "dispatcher:8080"), "--url is needed"),
        ((*USUAL, "--url"), "--url needs a value"),
        ((*USUAL, "--colour", "red"), "unknown option '--colour'"),
        ((*USUAL, "--url", "http://x", "--token-file", "/nowhere/at/all"), "--token-file"),
        ((*USUAL, "--url", "http://x", "--give-up-after", "soon"), "--give-up-after"),
    ],
)
def test_wrong_options_are_told(words: tuple[str, ...], said: str) -> None:
    done = notify(*words)
    assert done.returncode == 2
    assert said in done.stderr


def test_it_shows_its_options() -> None:
    shown = notify("--help")
    assert shown.returncode == 0
    assert "--token-file FILE" in shown.stdout
