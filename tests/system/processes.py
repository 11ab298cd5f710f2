"""The product's real processes: started as its documentation says, watched, stopped in order or killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.services import guard

START_SECONDS = 60.0
STOP_SECONDS = 20.0
"""A stop takes nine seconds at most, and on a busy machine some more."""
BIN = Path(sys.executable).parent


class ProgramFailed(AssertionError):
    """A program did not start, did not end, or ended by itself; the text has the end of its log."""


def wait_until(
    condition: Callable[[], bool], timeout: float, what: str | Callable[[], str], every: float = 0.05
) -> None:
    """Return once the condition holds; AssertionError with ``what`` after ``timeout`` seconds."""
    give_up = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {timeout:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(every)


class Program:
    """One program in a process group of its own, that can be started again after it has ended.

    A guard ends the whole group when the test's own process is gone without having stopped it.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._folder = folder
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DISPATCHER_")}
        self._env = {**clean, "PYTHONUNBUFFERED": "1", **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    @property
    def pid(self) -> int:
        """The id of its first process."""
        assert self._process is not None, f"{self.name} has not been started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its first process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """The status it has ended with; negative for a signal; None while it runs."""
        return self._process.poll() if self._process is not None else None

    @property
    def said(self) -> str:
        """What it has printed since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")

    def launch(self) -> None:
        """Start it, and return at once."""
        assert not self.is_running, f"{self.name} runs already"
        self._release_guard()
        with self.log.open("ab") as log:
            self._began_at = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
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

    def wait(self, is_ready: Callable[[], bool], timeout: float = START_SECONDS) -> None:
        """Return when it is ready; ProgramFailed when it ends before that."""

        def ready_or_dead() -> bool:
            if not self.is_running:
                raise ProgramFailed(f"{self.name} ended with {self.status}\n{self.said[-4000:]}")
            return is_ready()

        wait_until(ready_or_dead, timeout, lambda: f"{self.name} is not ready\n{self.said[-4000:]}")

    def wait_to_say(self, words: str, timeout: float = START_SECONDS) -> None:
        """Return when it has printed ``words`` since its last start."""
        self.wait(lambda: words in self.said, timeout)

    def ended(self, timeout: float) -> int:
        """Its status, once it has ended by itself or by what was sent to it."""
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProgramFailed(f"{self.name} did not end in {timeout} s\n{self.said[-4000:]}") from None

    def stop(self) -> int:
        """Ask it to end in order, as an administrator would; its status. ProgramFailed if that takes long."""
        os.kill(self.pid, signal.SIGTERM)
        return self.ended(STOP_SECONDS)

    def kill(self) -> None:
        """End it and all its children at once, as a crash of the machine would."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def kill_child(self) -> None:
        """Kill the one child that it has, and wait for it to end by itself."""
        children = self.children()
        assert children, f"{self.name} has no child process"
        os.kill(children[0], signal.SIGKILL)
        self.ended(30.0)
        self.kill()

    def children(self) -> list[int]:
        """The ids of the processes that it has started."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def close(self) -> None:
        """Leave nothing behind."""
        self.kill()
        self._release_guard()

    def _release_guard(self) -> None:
        watcher, self._guard = self._guard, None
        if watcher is not None:
            watcher.communicate(b"stopped\n")
