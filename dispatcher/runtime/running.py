"""Running roles in this process: threads for pacing and upkeep, an event loop for each listener."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import dramatiq
import uvicorn

from dispatcher.config.fields import split_listen
from dispatcher.dialer.role import Dialing

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Idle connections live this long."""

DRAIN_SECONDS = 6
"""Work under way when a process is told to stop may take so long; what it leaves is found by the sweeps."""

DIAL_DRAIN_SECONDS = 6.5
"""Dial requests under way are waited for so long; those that are not answered by then are in doubt."""

LINGER_SECONDS = 6.0
"""Reports that the PBX does not keep are read on for so long after the signal, while calls are up."""

SIGN_OFF_SECONDS = 1.0

_IDLE_MS = 400
"""A dial thread that waits for a message looks up so often, to see whether it is to stop."""

LONGEST_STOP = 9.0
"""After so many seconds a stopping process leaves at once, however its parts are."""


class Service(Protocol):
    """A part of a process that is started and stopped."""

    def start(self) -> None:
        """Begin, and return once it works."""
        ...

    def stop(self) -> None:
        """Finish what is under way, and return once that is done or has taken too long."""
        ...


class Stages:
    """Services that are started in order and stopped in reverse; those of one stage stop together."""

    def __init__(self) -> None:
        self._stages: list[list[Service]] = []

    def start(self, *services: Service) -> None:
        """Start one more stage."""
        started: list[Service] = []
        self._stages.append(started)
        for service in services:
            started.append(service)
            service.start()

    def stop(self) -> None:
        """Stop every stage that was started, even when starting it failed."""
        while self._stages:
            threads = [threading.Thread(target=service.stop) for service in self._stages.pop()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


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
            if thread.ident is not None:
                thread.join(timeout=DRAIN_SECONDS)


class WebServer:
    """An ASGI application on a socket of :func:`bound`, in a thread.

    ``before_stop`` ends what would keep the server waiting, such as streams without an end.
    """

    def __init__(
        self, app: Any, at: socket.socket, name: str, before_stop: Callable[[], None] = lambda: None
    ) -> None:
        self._socket = at
        self._before_stop = before_stop
        self._name = name
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            # A report must come from its PBX: no header may speak for another address.
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS - 2,
            backlog=1024,
        )
        self._server = _Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a thread, and return once requests are accepted."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        if not self._server.is_up.wait(timeout=DRAIN_SECONDS) or not self._server.started:
            raise RuntimeError(f"the web server of {self._name} did not start")

    def stop(self) -> None:
        """Finish the requests under way and close."""
        self._before_stop()
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
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and let the starter go on."""
        await super().startup(sockets)
        self.is_up.set()


class CanNotListen(Exception):
    """An address is taken, is not this machine's, or needs more rights than we have."""


def bound(listen: str) -> socket.socket:
    """A socket at ``host:port``, not yet accepting; port 0 takes a free one. Raises :class:`CanNotListen`."""
    host, port = split_listen(listen)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CanNotListen(f"can't listen on {listen}: {error.strerror or error}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """``host:port`` as bound, with the port that was given for port 0."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class DialRole:
    """What tells the other processes what this one is dialling; the threads that dial start after it."""

    def __init__(self, dialing: Dialing) -> None:
        self._dialing = dialing
        self._thread = threading.Thread(target=dialing.run, name="dialing", daemon=True)

    def start(self) -> None:
        """Give a first sign of life, and go on giving them."""
        self._dialing.beat()
        self._thread.start()

    def stop(self) -> None:
        """Sign off. What the PBX has not answered by now is in doubt."""
        self._dialing.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout=SIGN_OFF_SECONDS)


class DialThreads:
    """Dramatiq's worker threads in this process, for ``dispatcher up``.

    ``drain`` is called first when they are to stop: from then on no dial may begin.
    """

    def __init__(self, broker: dramatiq.Broker, threads: int, drain: Callable[[], None]) -> None:
        self._worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=_IDLE_MS)
        self._drain = drain

    def start(self) -> None:
        """Start consuming."""
        self._worker.start()

    def stop(self) -> None:
        """Finish what is in flight; what is queued is found again by the sweep."""
        self._drain()
        self._worker.stop(timeout=int(DIAL_DRAIN_SECONDS * 1000))


def run_until_signalled(start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start, wait for SIGINT or SIGTERM, stop.

    A signal during the start ends it, since it may be waiting for a database that never comes. A
    second signal, or a stop that takes longer than :data:`LONGEST_STOP`, ends the process at once.
    """
    told = threading.Event()
    is_up = False

    def on_signal(number: int, _frame: object) -> None:
        if told.is_set():
            os._exit(128 + number)
        told.set()
        if not is_up:
            raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        start()
        is_up = True
        while not told.wait(1.0):
            pass
    finally:
        with stops_in_time():
            stop()


@contextmanager
def stops_in_time(status: int = 0) -> Iterator[None]:
    """What stops within it may take :data:`LONGEST_STOP`; then the process ends at once, with ``status``."""
    last = threading.Timer(LONGEST_STOP, _leave, (status,))
    last.daemon = True
    last.start()
    yield
    last.cancel()


def _leave(status: int) -> None:
    _log.warning(
        "stopping took longer than %.0f s; what is left is found again after the start", LONGEST_STOP
    )
    sys.stdout.flush()
    os._exit(status)
