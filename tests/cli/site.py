"""A site for tests of commands: a simulated PBX, a configuration file for it, and the command line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from typer.testing import CliRunner, Result

from dispatcher.cli.app import app
from dispatcher.simulator import SimulatedPbx

DISPATCHER = [sys.executable, "-c", "from dispatcher.cli import main; main()"]
READY = "ready: "


def run(*arguments: str, text: str | None = None) -> Result:
    """One command, in this process."""
    return CliRunner().invoke(app, arguments, input=text)


def document(result: Result) -> Any:
    """The JSON that a command has printed."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@dataclass
class Site:
    """The configuration of a simulated PBX in a file that a test may change before it is used."""

    folder: Path
    store_url: str
    pbx: SimulatedPbx
    broker_url: str = ""
    api: str = "127.0.0.1:0"
    reports: str = "127.0.0.1:0"
    more: str = ""
    policy_ivr: str = "6500"
    password: str = "password"
    serial: str = "369362089179"
    trunk: str = "SPS-6-36"
    family: str = "yeastar-s"
    of_pbx: str = ""
    """Further keys of the PBX."""

    @property
    def file(self) -> Path:
        """The configuration file, written as things stand."""
        file = self.folder / "dispatcher.toml"
        file.write_text(self.text(), encoding="utf-8")
        return file

    @property
    def is_asterisk(self) -> bool:
        """Whether the PBX is reached over its manager interface."""
        return self.family == "asterisk"

    def _address(self) -> str:
        if self.is_asterisk:
            return f'host = "127.0.0.1"\nport = {self.pbx.report_port}'
        return f'url = "{self.pbx.url}"'

    def text(self) -> str:
        """The configuration."""
        return f"""\
[store]
url = {json.dumps(self.store_url)}
[broker]
url = {json.dumps(self.broker_url)}
[api]
listen = "{self.api}"
[reports]
listen = "{self.reports}"
[pacing]
settle = 0.1
[[pbx]]
name = "hq"
family = "{self.family}"
{self._address()}
username = "api"
password = "{self.password}"
serial = "{self.serial}"
{self.of_pbx}
[[pbx.trunk]]
name = "{self.trunk}"
channels = 5
extension = "1000"
prefix = "9"
{f'dial = "PJSIP/{{number}}@{self.trunk}"' if self.is_asterisk else ""}
[[policy]]
name = "night-shift"
to = [{{ number = "+31612340001", name = "Duty engineer" }}]
message = {{ ivr = "{self.policy_ivr}" }}
{self.more}
"""


class Running:
    """A command of the product in a process of its own, with its log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    @classmethod
    def start(cls, *arguments: str) -> Self:
        return cls(subprocess.Popen([*DISPATCHER, *arguments], stderr=subprocess.PIPE, text=True))

    def wait_for(self, words: str) -> str:
        """The next line of the log that holds these words."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if words in line:
                return line
        raise AssertionError(f"no {words!r} in:\n{''.join(self.lines)}")

    def url(self) -> str:
        """Where its API or receiver is, once it is ready."""
        words = self.wait_for(READY).split()
        return next(word.rstrip(",") for word in words if word.startswith("http://"))

    def terminate(self) -> tuple[int, float]:
        """Send SIGTERM; returns the exit status and how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=20)
        return status, time.monotonic() - begun


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """A command in a process of its own, as long as the block lasts."""
    command = Running.start(*arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()
        assert command.process.stderr is not None
        command.process.stderr.close()
