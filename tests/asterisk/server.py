"""A private Asterisk on the loopback, with the dialplan and settings that users are given."""

import math
import secrets
import struct
import subprocess
import sys
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.asterisk import ports
from tests.asterisk.namespace import is_private
from tests.asterisk.packages import Unpacked
from tests.services.process import ServerProcess

HERE = Path(__file__).parent
GIVEN_TO_USERS = HERE.parent.parent / "deploy" / "asterisk"
EMPTY = ("acl", "ccss", "cli", "features", "pjproject", "stasis", "udptl")
"""Settings that Asterisk wants to be there, and that say nothing."""
FOLDERS = (
    "etc",
    "run",
    "log/cdr-csv",
    "log/cel-custom",
    "spool/outgoing",
    "spool/tmp",
    "lib",
    "cache",
    "data",
)
SECRET_OF_USERS = "CHANGE-ME"
TRUNK = "trunk"
RTP_PORTS = 600
ALWAYS_SAID = "No ethernet interface"
"""What Asterisk says wherever there is the loopback alone."""

SOUNDS = {"dispatcher/alarm": (0.8, 440), "dispatcher/site": (0.4, 660), "dispatcher/long": (4.0, 330)}
"""Seconds and pitch of each."""
SAMPLES = 8000

# At its start PJSIP looks up this machine's own name; one of digits is not asked of any name server.
NAMED = ("import os, socket, sys; socket.sethostname('127.0.0.1'); os.execvp(sys.argv[1], sys.argv[1:])",)


class AsteriskServer(ServerProcess):
    """Asterisk with one trunk, to the phones at ``phones_port``.

    ``kill`` is a crash: what was up is gone without a record. The account ``dispatcher`` is the one that
    users are told to make; ``judge`` may do everything, for the tests' own look.
    """

    name: ClassVar[str] = "asterisk"
    username: ClassVar[str] = "dispatcher"

    def __init__(self, unpacked: Unpacked, phones_port: int, more: Mapping[str, str] | None = None) -> None:
        """``more``: modules that are loaded too, each with its own settings, or none that are not there."""
        super().__init__()
        self._unpacked = unpacked
        self._more = dict(more or {})
        self.secret, self.judge_secret = secrets.token_hex(12), secrets.token_hex(12)
        self._fixed = {
            "SIP": ports.take(),
            "PHONES": phones_port,
            "NOBODY": ports.take(),
            "RTP_FIRST": (rtp := ports.take(RTP_PORTS)),
            "RTP_LAST": rtp + RTP_PORTS - 1,
            "JUDGE_SECRET": self.judge_secret,
            "MODULES": unpacked.modules,
        }

    @property
    def cdr_file(self) -> Path:
        """The call detail records, a line each."""
        return self.folder / "log" / "cdr-csv" / "Master.csv"

    @property
    def cel_file(self) -> Path:
        """The channel event log, a line each."""
        return self.folder / "log" / "cel-custom" / "Master.csv"

    @property
    def records_file(self) -> Path:
        """The database of the modules that write into SQLite, if they were loaded."""
        return self.folder / "log" / "master.db"

    @property
    def spool(self) -> Path:
        """Where call files are put."""
        return self.folder / "spool" / "outgoing"

    def cli(self, command: str) -> str:
        """What Asterisk's console answers."""
        run = self._program("-rx", command)
        said = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60).stdout
        return "\n".join(line for line in said.splitlines() if not line.startswith(ALWAYS_SAID))

    def _program(self, *arguments: str) -> list[str]:
        etc = self.folder / "etc" / "asterisk.conf"
        return self._unpacked.command("usr/sbin/asterisk", "-C", str(etc), *arguments)

    def _command(self) -> list[str]:
        self._render()
        named = [] if is_private() else ["unshare", "--map-root-user", "--uts", sys.executable, "-c", *NAMED]
        return [*named, *self._program("-f")]

    def _answers(self) -> bool:
        # The manager's port opens earlier, when not everything is loaded.
        return "fully booted" in self.cli("core waitfullybooted")

    def _prepare(self) -> None:
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True)
        for shared in (self._unpacked.root / "usr/share/asterisk").iterdir():
            if shared.name != "sounds":
                (self.folder / "data" / shared.name).symlink_to(shared)
        for name, (seconds, pitch) in SOUNDS.items():
            write_sound(self.folder / "data" / "sounds" / "en" / f"{name}.wav", seconds, pitch)

    def _render(self) -> None:
        """Write every setting; what a crash has left of the last run is removed."""
        for left in (self.folder / "run").iterdir():
            left.unlink()
        etc = self.folder / "etc"
        values = {**self._fixed, "RUN": self.folder, "AMI": self.port}
        for name in EMPTY:
            (etc / f"{name}.conf").write_text("" if name == "acl" else "[general]\n")
        for given in GIVEN_TO_USERS.glob("*.conf"):
            (etc / given.name).write_text(given.read_text().replace(SECRET_OF_USERS, self.secret))
        for template in (HERE / "conf").glob("*.conf"):
            text = template.read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", str(value))
            (etc / template.name).write_text(text)
        for name, text in self._more.items():
            if text:
                (etc / f"{name}.conf").write_text(text)
        modules = etc / "modules.conf"
        lines = [*modules.read_text().splitlines(), *(f"load={name}.so" for name in self._more)]
        modules.write_text("\n".join(line for line in lines if self._has(line)) + "\n")

    def _has(self, line: str) -> bool:
        module = line.partition("load=")[2]
        return not module or (self._unpacked.modules / module).exists()


def write_sound(path: Path, seconds: float, pitch: int) -> None:
    """A tone, as a sound file that Asterisk plays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES)
        turns = (2 * math.pi * pitch * index / SAMPLES for index in range(int(SAMPLES * seconds)))
        file.writeframes(b"".join(struct.pack("<h", int(6000 * math.sin(turn))) for turn in turns))
