"""Runs services of the compose file as processes of this machine, with their own command and environment.

What a container gives them is replaced by as little as possible:

* `service:port`, wherever a command, an environment or a mounted file names one, becomes a free port of
  127.0.0.1; so does `0.0.0.0:port` (or `127.0.0.1:port`) of the service that publishes this port, and the
  same in two words (`--host 0.0.0.0 --port 8088`);
* a mounted file is a copy in a temporary folder, with the same replacement;
* programs are those of the environment that the tests run in, as the image has them on its PATH.

Everything else is the file's.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.compose.compose_file import ROOT, ComposeFile, Service
from tests.services.process import HOST, free_port

HEALTHY_SECONDS = 40.0
STOP_SECONDS = 10.0


class Places:
    """Where each `service:port` of the file is on this machine."""

    def __init__(self, file: ComposeFile, known: Mapping[tuple[str, int], int]) -> None:
        self._ports = dict(known)
        self._listeners = {port: name for name, one in file.services.items() for port in one.published}
        names = "|".join(re.escape(name) for name in sorted(file.services, key=len, reverse=True))
        self._address = re.compile(rf"(?<![\w.-])(?P<host>{names}|0\.0\.0\.0|127\.0\.0\.1):(?P<port>\d+)\b")

    def port(self, service: str, port: int) -> int:
        """The local port for a service's port."""
        return self._ports.setdefault((service, port), free_port())

    def rewritten(self, text: str) -> str:
        """`text` with every address replaced."""
        return self._address.sub(self._local, text)

    def _local(self, found: re.Match[str]) -> str:
        host, port = found["host"], int(found["port"])
        service = self._listeners[port] if host[0].isdigit() else host
        return f"{HOST}:{self.port(service, port)}"

    def command(self, words: list[str]) -> list[str]:
        """A command with every address replaced, in one word or in `--host` and `--port`."""
        replaced = [self.rewritten(word) for word in words]
        for place, word in enumerate(words[:-1]):
            if word == "--host":
                replaced[place + 1] = HOST
            elif word == "--port":
                port = int(words[place + 1])
                replaced[place + 1] = str(self.port(self._listeners[port], port))
        return replaced


class Running:
    """One service as a process."""

    def __init__(self, service: Service, places: Places, folder: Path) -> None:
        self.service = service
        self._places = places
        self._folder = folder / service.name
        self._folder.mkdir()
        self.log = self._folder / "output.log"
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {"PATH": programs, "PYTHONUNBUFFERED": "1", **self._own_environment()}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                places.command(service.command),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _own_environment(self) -> dict[str, str]:
        """The service's environment, in which files that are mounted are named where they are here."""
        files = {target: str(self._mounted(source)) for target, source in self.service.mounts.items()}
        return {
            name: files.get(value) or self._places.rewritten(value)
            for name, value in self.service.environment.items()
        }

    def _mounted(self, source: str) -> Path:
        copy = self._folder / Path(source).name
        copy.write_text(self._places.rewritten((ROOT / source).read_text()))
        return copy

    def wait(self, condition: str) -> None:
        """Wait as Compose waits for a dependency's condition."""
        if condition == "service_completed_successfully":
            status = self._process.wait(HEALTHY_SECONDS)
            assert status == 0, f"{self.service.name} ended with {status}:\n{self.output}"
        elif condition == "service_healthy":
            self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        check = self._places.command(self.service.health_check)
        give_up = time.monotonic() + HEALTHY_SECONDS
        while self._is_unhealthy(check):
            assert self.is_running, f"{self.service.name} has ended:\n{self.output}"
            assert time.monotonic() < give_up, f"{self.service.name} did not become healthy:\n{self.output}"
            time.sleep(0.2)

    def _is_unhealthy(self, check: list[str]) -> bool:
        done = subprocess.run(check, env=self._environment, capture_output=True, timeout=30, check=False)
        return done.returncode != 0

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """The end of what it has printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def terminate(self) -> None:
        """Ask it to end, as `docker compose stop` does."""
        self._process.send_signal(signal.SIGTERM)

    def ended_with(self) -> int:
        """Its status, once it has ended within the time it has."""
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it and its children, whatever they are doing."""
        if self.is_running:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class LocalCompose:
    """Our services of the compose file, running; PostgreSQL and Redis are the tests' own."""

    def __init__(self, file: ComposeFile, places: Places, folder: Path) -> None:
        self._file = file
        self.places = places
        self._folder = folder
        self.running: dict[str, Running] = {}

    def __enter__(self) -> "LocalCompose":
        try:
            for service in self._file.ours:
                for name, condition in service.after.items():
                    if name in self.running:
                        self.running[name].wait(condition)
                self.running[service.name] = Running(service, self.places, self._folder)
            for running in self.running.values():
                running.wait("service_healthy" if running.service.health_check else "service_started")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Leave nothing behind."""
        for running in self.running.values():
            running.kill()

    def outputs(self) -> str:
        """What everybody has printed, for a failed test."""
        return "\n".join(f"--- {name}\n{one.output}" for name, one in self.running.items())
