"""The command line of the simulator, as a process."""

import re
import signal
import subprocess
import sys

import httpx
import pytest
import typer
from typer.testing import CliRunner

from dispatcher.cli.simulator import simulator

PROGRAM = "import typer; from dispatcher.cli.simulator import simulator; typer.run(simulator)"


def invoke(*arguments):
    app = typer.Typer()
    app.command()(simulator)
    return CliRunner().invoke(app, arguments)


def test_it_runs_until_interrupted_and_says_when_it_is_ready():
    command = [sys.executable, "-c", PROGRAM, "--port", "0", "--trunk", "A=5:9", "--trunk", "B=2:8:FXO"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready at http://127.0.0.1:" in line
        assert "A (5), B (2)" in line
        url = line.split()[5].rstrip(";")
        trunks = httpx.get(f"{url}/simulator/state").json()["trunks"]
        assert [(trunk["name"], trunk["channels"]) for trunk in trunks] == [("A", 5), ("B", 2)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--family", "nortel"], "yeastar-k2"),
        (["--tcp-port", "8333"], "posted"),
        (["--trunk", "A"], "NAME=CHANNELS"),
        (["--trunk", "A=0"], "NAME=CHANNELS"),
        (["--trunk", "A=1", "--trunk", "A=2"], "twice"),
        (["--callee", "123"], "NAME=VALUE"),
        (["--callee", "123=asleep"], "no such behaviour"),
        (["--behaviour", "asleep"], "asleep"),
        (["--fault", "fire=1"], "no such fault"),
        (["--fault", "lost_report=2"], "between 0 and 1"),
        (["--timing", "lunch=3600"], "no such stage"),
        (["--timing", "prompt=long"], "prompt=long"),
    ],
)
def test_mistakes_are_named(arguments, says):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_a_port_that_is_taken(rig):
    result = invoke("--port", str(rig.pbx.port))
    assert result.exit_code == 1
    assert "Can not listen" in result.output


def test_the_k2_over_tcp_says_where_reports_are_fetched():
    command = [sys.executable, "-c", PROGRAM, "--family", "yeastar-k2", "--port", "0", "--tcp-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.search(r"Simulated yeastar-k2 .* reports at port [1-9]\d*; trunks", line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(("family", "username", "status"), [("axeos", "apiKey", 200), ("axeos", "api", 401)])
def test_the_user_is_the_one_whom_such_a_pbx_has(family, username, status):
    command = [sys.executable, "-c", PROGRAM, "--port", "0", "--family", family]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[5].rstrip(";")
        answer = httpx.get(f"{url}/apis/pbx/users.json", auth=(username, "password"))
        assert answer.status_code == status
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
