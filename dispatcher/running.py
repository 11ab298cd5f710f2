"""Running roles in this process: threads for pacing and upkeep, an event loop for each listener."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol

import dramatiq
import uvicorn

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Idle connections live this long: a sender that does not repeat loses a report on a closed one."""

DRAIN_SECONDS = 10


class Loop(Protocol):
    """Something that works until it is told to stop."""

    def run(self) -> None:
        """Work until :meth:`stop`."""
        ...

    def stop(self) -> None:
        """Let :meth:`run` end soon."""
        ...


class Background:
    """Loops, each in a thread of its own."""

    def __init__(self, *loops: Loop) -> None:
        self._loops = loops
        self._threads = [
            threading.Thread(target=loop.run, name=type(loop).__name__.lower(), daemon=True) for loop in loops
        ]

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop every loop and wait for the work under way."""
        for loop in self._loops:
            loop.stop()
        for thread in self._threads:
            thread.join(timeout=DRAIN_SECONDS)


class WebServer:
    """An ASGI application on one address, in a thread or in the foreground."""

    def __init__(self, app: Any, listen: str, name: str) -> None:
        host, port = split_listen(listen)
        self._socket = _listening(host, port)
        self._name = name
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS // 2,
            backlog=1024,
        )
        self._server = _Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """``host:port`` as bound, with the port that was given for port 0."""
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def start(self) -> None:
        """Serve in a thread, and return once requests are accepted."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        self._server.is_up.wait(timeout=DRAIN_SECONDS)

    def stop(self) -> None:
        """Finish the requests under way and close."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=DRAIN_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
            runner.run(self._server.serve(sockets=[self._socket]))


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    def capture_signals(self) -> Any:
        """Not ours: the command that started us handles signals for all roles together."""
        return _nothing()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and let the starter go on."""
        await super().startup(sockets)
        self.is_up.set()


class _nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def split_listen(listen: str) -> tuple[str, int]:
    """``host:port`` in its two parts."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


class DialThreads:
    """Dramatiq's worker threads in this process, for ``dispatcher up``."""

    def __init__(self, broker: dramatiq.Broker, threads: int) -> None:
        self._worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)

    def start(self) -> None:
        """Start consuming."""
        self._worker.start()

    def stop(self) -> None:
        """Finish what is in flight; what is queued is found again by the sweep."""
        self._worker.stop(timeout=DRAIN_SECONDS * 1000)


def run_until_signalled(start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start, wait for SIGINT or SIGTERM, stop."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    start()
    try:
        done.wait()
    finally:
        stop()
