"""The web server of the receiver: an event loop in a thread of its own."""

import asyncio
import socket
import threading
import time

import uvloop

from dispatcher.receiver.connection import Connection
from dispatcher.receiver.receiver import Receiver

KEEP_ALIVE_SECONDS = 75
"""Idle connections live this long: a sender that does not repeat loses a report on a closed one."""

DRAIN_SECONDS = 4.0
"""Requests under way at the stop are waited for so long."""

_LOOK_SECONDS = 5.0
_START_SECONDS = 6.0
_BACKLOG = 1024


class ReportServer:
    """A :class:`Receiver` on a bound socket.

    HTTP/1.1 without TLS, with lasting connections. There is no framework in between: a PBX posts eight
    reports a call, and waits for the answer to each.
    """

    def __init__(self, receiver: Receiver, at: socket.socket) -> None:
        self._receiver = receiver
        self._socket = at
        self._connections: set[Connection] = set()
        self._is_up = threading.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Serve in a thread, and return once requests are accepted."""
        self._thread.start()
        if not self._is_up.wait(timeout=_START_SECONDS) or self._loop is None:
            raise RuntimeError("the web server of reports did not start")

    def stop(self) -> None:
        """Finish the requests under way and close."""
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:
                pass  # The loop is closed: it has ended by itself.
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        finally:
            self._is_up.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connected, sock=self._socket, backlog=_BACKLOG)
        self._receiver.open()
        self._loop = loop
        self._is_up.set()
        try:
            while not await self._is_stopped(_LOOK_SECONDS):
                self._drop_idle()
        finally:
            server.close()
            await self._drain()
            self._receiver.close()
            self._loop = None

    def _connected(self) -> Connection:
        return Connection(self._receiver.serve, self._receiver.limit, self._connections)

    async def _is_stopped(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _drop_idle(self) -> None:
        before = time.time() - KEEP_ALIVE_SECONDS
        for connection in list(self._connections):
            if not connection.is_busy and connection.quiet_since < before:
                connection.abort()

    async def _drain(self) -> None:
        """Let the answers under way go out; whoever is not done by then sends its report again."""
        left = list(self._connections)
        for connection in left:
            connection.leave()
        if left:
            await asyncio.wait([connection.lost for connection in left], timeout=DRAIN_SECONDS)
        for connection in list(self._connections):
            connection.abort()
