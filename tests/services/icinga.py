"""A private Icinga 2."""

import grp
import os
import pwd
import signal
import time
from pathlib import Path
from typing import ClassVar

from tests.services import binaries
from tests.services.process import ServerProcess

FEATURES = """
include <itl>
object FileLogger "main" { severity = "notice"; path = LogDir + "/icinga2.log" }
object CheckerComponent "checker" {}
object NotificationComponent "notification" {}
object ExternalCommandListener "command" { command_path = InitRunDir + "/icinga2.cmd" }
"""


class IcingaServer(ServerProcess):
    """Icinga 2 with objects given in its own language. It needs no port: it is told by its command pipe."""

    name: ClassVar[str] = "icinga2"
    kill_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """It is two processes: killed by force, the first leaves the other behind."""

    def __init__(self, objects: str) -> None:
        super().__init__()
        self._objects = objects

    def tell(self, command: str, *words: str) -> None:
        """Send an external command, such as `PROCESS_SERVICE_CHECK_RESULT`, with what follows it."""
        line = ";".join((f"[{int(time.time())}] {command}", *words))
        with self._pipe.open("w") as pipe:
            pipe.write(f"{line}\n")

    @property
    def _pipe(self) -> Path:
        return self.folder / "run" / "icinga2.cmd"

    def _prepare(self) -> None:
        for part in ("data", "cache", "log", "run", "spool"):
            (self.folder / part).mkdir()
        (self.folder / "icinga2.conf").write_text(FEATURES + self._objects)

    def _command(self) -> list[str]:
        folders = {"Data": "data", "Cache": "cache", "Log": "log", "InitRun": "run", "Spool": "spool"}
        ours = {
            "RunAsUser": pwd.getpwuid(os.geteuid()).pw_name,
            "RunAsGroup": grp.getgrgid(os.getegid()).gr_name,
        } | {f"{name}Dir": str(self.folder / part) for name, part in folders.items()}
        return [
            *(str(binaries.icinga()), "--no-stack-rlimit", "daemon"),
            *("-c", str(self.folder / "icinga2.conf")),
            *(f"-D{name}={value}" for name, value in ours.items()),
        ]

    def _answers(self) -> bool:
        return self._pipe.exists() and "Activated all objects" in self.log.read_text(errors="replace")
