"""Asterisk's own spool of call files, fed by a shell script."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.processes import Program
from tests.asterisk.server import AsteriskServer

SCRIPT = Path(__file__).with_name("spool.sh")


class Spool:
    """The script, and what the archive of call files says afterwards."""

    name = "spool"

    def __init__(self, asterisk: AsteriskServer, channels: int) -> None:
        self._asterisk = asterisk
        self._channels = channels
        self.settings = f"call files and a shell script; {channels} in flight"

    @property
    def programs(self) -> Sequence[Program]:
        """None of its own that lasts."""
        return []

    def place(self, numbers: Sequence[str], timeout: float) -> None:
        """Place every call, and wait for the last one's end."""
        subprocess.run(
            ["sh", str(SCRIPT), str(self._asterisk.spool.parent), str(self._channels)],
            input="\n".join(numbers) + "\n",
            text=True,
            check=True,
            timeout=timeout,
        )

    def words(self) -> Mapping[str, str]:
        """What Asterisk has written beneath each call file: Completed, Expired or Failed."""
        found = {}
        for file in (self._asterisk.spool.parent / "outgoing_done").iterdir():
            lines = [line for line in file.read_text().splitlines() if line.startswith("Status:")]
            found[file.stem] = lines[-1].partition(":")[2].strip() if lines else ""
        return found
