"""A private Nagios."""

import grp
import os
import pwd
import time
from pathlib import Path
from typing import ClassVar

from tests.services import binaries
from tests.services.process import ServerProcess

SETTINGS = """
check_external_commands=1
date_format=iso8601
enable_flap_detection=0
illegal_macro_output_chars=`~$&|'"<>
interval_length=1
use_syslog=0
"""
FILES = {
    "log_file": "nagios.log",
    "cfg_file": "objects.cfg",
    "object_cache_file": "objects.cache",
    "precached_object_file": "objects.precache",
    "status_file": "status.dat",
    "command_file": "nagios.cmd",
    "lock_file": "nagios.lock",
    "temp_file": "nagios.tmp",
    "state_retention_file": "retention.dat",
    "query_socket": "nagios.qh",
    "temp_path": "",
    "check_result_path": "results",
}


class NagiosServer(ServerProcess):
    """Nagios Core with objects in its own language. It needs no port: it is told by its command pipe."""

    name: ClassVar[str] = "nagios"

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
        return self.folder / "nagios.cmd"

    def _prepare(self) -> None:
        (self.folder / "results").mkdir()
        (self.folder / "objects.cfg").write_text(self._objects)
        files = "".join(f"{key}={self.folder / name}\n" for key, name in FILES.items())
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        ours = f"nagios_user={user}\nnagios_group={group}\n"
        (self.folder / "nagios.cfg").write_text(SETTINGS + files + ours)

    def _command(self) -> list[str]:
        return [str(binaries.nagios()), str(self.folder / "nagios.cfg")]

    def _answers(self) -> bool:
        return self._pipe.exists() and "Successfully launched command file worker" in self.log.read_text()
