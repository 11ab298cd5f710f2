"""What every private server has in common: a free port, a folder of its own, an orderly or a rude end."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from tests.services import guard

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 20.0
PORT_TRIES = 5
LOWEST_PORT = 10240


class ServiceFailed(RuntimeError):
    """A server that is installed did not start, or did not stop."""


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on at this moment.

    It is below those that the system gives to connections and to whoever asks for any port, so that nobody
    is given it before it is used.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(LOWEST_PORT, _ephemeral())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port
    raise ServiceFailed("there is no free port")


def _ephemeral() -> int:
    """The lowest port that the system gives away by itself."""
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        lowest = 0
    return lowest if lowest > 2 * LOWEST_PORT else 32768


class ServerProcess(ABC):
    """A server of our own, in a temporary folder, on a free loopback port.

    `start` chooses port and folder once: a server that was killed comes back on the same port with the data
    that it had kept. `stop` ends it and keeps both; leaving the `with` block, or `close`, removes the folder.
    """

    name: ClassVar[str]
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The server's own folder: data, log, socket."""
        if self._folder is None:
            raise ServiceFailed(f"{self.name} was never started")
        return self._folder

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise ServiceFailed(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> Self:
        """Start the server and wait until it answers; ServiceMissing or ServiceFailed if it can't."""
        if self.running:
            return self
        first = self._folder is None
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"ivr-{self.name}-"))
            self._prepare()
        for _ in range(PORT_TRIES):
            # Another process may take the port between our look and the server's start.
            if first:
                self.port = free_port()
            if self._launch():
                return self
            if not first:
                break
        output = self.log.read_text(errors="replace")[-2000:]
        self.close()
        raise ServiceFailed(f"{self.name} did not start; it said:\n{output}")

    def stop(self) -> None:
        """End the server in order, as an administrator would; its data stays for the next start."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server at once, as a crash would; its data stays as the crash left it."""
        self._end(self.kill_signal)

    def restart(self) -> Self:
        """Stop if it runs, and start again on the same port with the data kept."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _command(self) -> list[str]:
        """The server's command line."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server is ready for its first client."""

    def _prepare(self) -> None:  # noqa: B027 - most servers need nothing prepared
        """Fill the new folder before the first start."""

    def _owner(self) -> str | None:
        """The user that the server runs as; None for our own."""
        return None

    def _launch(self) -> bool:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                # Ctrl-C is for the tests; the server goes when they have let go of it.
                start_new_session=True,
                **run_as(self._owner()),
            )
        self._watch(self._process.pid)
        give_up = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < give_up:
            if self._answers():
                return True
            time.sleep(0.02)
        self._end(self.kill_signal)
        return False

    def _watch(self, pid: int) -> None:
        self._guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", guard.__file__),
                *(str(pid), str(int(self.kill_signal)), str(self.folder)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        watcher, self._guard = self._guard, None
        if watcher is not None:
            watcher.communicate(b"stopped\n")


def run_as(user: str | None) -> dict[str, Any]:
    """The arguments that make `subprocess` run a program as this user; none for our own."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def is_root() -> bool:
    """Whether this process may, and for PostgreSQL must, hand its servers to another user."""
    return os.geteuid() == 0
