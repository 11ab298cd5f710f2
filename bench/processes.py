"""Programs under measurement: started with a log of their own, watched, weighed and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.services import guard

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0
STOP_SECONDS = 15.0
_TICKS = os.sysconf("SC_CLK_TCK")


class MeasurementFailed(RuntimeError):
    """One measurement has no result; the others go on."""


class ProgramFailed(MeasurementFailed):
    """A program did not start, or died; the text has the end of its log."""


class Program:
    """One program in a process group of its own, so that Ctrl-C is ours alone.

    A guard ends the whole group when this process is gone without having stopped it.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._command = list(command)
        self._env = {**os.environ, **env}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the program's first process."""
        if self._process is None:
            raise ProgramFailed(f"{self.name} is not running")
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it printed."""
        return self._folder / f"{self.name}.log"

    def start(self, is_ready: Callable[[], bool]) -> Self:
        """Start it, and return when it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._env,
                start_new_session=True,
            )
        self._watch()
        give_up = time.monotonic() + START_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > give_up:
                raise ProgramFailed(f"{self.name} was not ready in {START_SECONDS:.0f} s\n{self.tail()}")
            time.sleep(0.05)
        return self

    def run_to_end(self) -> None:
        """Run it once; ProgramFailed unless it ends well."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._env,
                timeout=START_SECONDS,
                check=False,
            )
        if done.returncode:
            raise ProgramFailed(f"{self.name} ended with {done.returncode}\n{self.tail()}")

    def check(self) -> None:
        """ProgramFailed when it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise ProgramFailed(f"{self.name} ended with {self._process.returncode}\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def stop(self) -> None:
        """Ask it to end, and end what is left of its group after a while."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        if self._guard is not None:
            self._guard.communicate(b"stopped\n")

    def _watch(self) -> None:
        self._guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", guard.__file__),
                *(str(-self.pid), str(int(signal.SIGKILL)), str(self._folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time, user and system, of these processes and all that they started, ended ones included."""
    table = _processes()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    total, waiting = 0.0, [pid for pid in pids if pid in table]
    while waiting:
        pid = waiting.pop()
        total += table[pid][1]
        waiting += children.get(pid, [])
    return total


def _processes() -> dict[int, tuple[int, float]]:
    """Every process's parent and processor time, with that of the children that it has waited for."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        found[int(entry)] = (int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)
    return found
