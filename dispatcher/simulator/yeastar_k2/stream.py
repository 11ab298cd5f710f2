"""The TCP push: an application connects, logs in with the plain password, and gets one event after another.

The manual tells the login block and the answer `Login Success`, but neither line ends nor how events are told
apart; so all of that can be varied. What happens while nobody is connected is lost.
"""

import asyncio
import hmac
import random
from collections.abc import Callable, Mapping
from typing import cast

from dispatcher.simulator.connection import Lane, Report
from dispatcher.simulator.pieces import Pieces
from dispatcher.simulator.settings import SimulatorSettings

SEPARATORS: Mapping[str, bytes] = {"none": b"", "lf": b"\n", "crlf": b"\r\n"}
LONGEST_LOGIN = 4096
Listener = Callable[[str, Report], None]


class StreamConnection(asyncio.Protocol):
    """One application's connection."""

    def __init__(self, stream: "ReportStream") -> None:
        self._stream = stream
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = b""
        self._pieces = Pieces(stream.loop, stream.dice)
        self.peer = ""
        self.version: str | None = None

    @property
    def logged_in(self) -> bool:
        """Whether it gets events."""
        return self.version is not None

    @property
    def waiting(self) -> int:
        """Bytes that are still to be sent."""
        return self._pieces.waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""
        self._stream.connections.add(self)
        self._timer = self._stream.loop.call_later(self._stream.settings.stream.login_seconds, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self._pieces.drop()
        if self._timer is not None:
            self._timer.cancel()
        self._stream.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self.logged_in:
            return
        self._heard += data
        block = login_block(self._heard)
        if block is None:
            if len(self._heard) > LONGEST_LOGIN:
                self.close()
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stream.admits(self, block):
            self.version = block.get("version", "")
            self.send(b"Login Success\r\n")
            self._stream.joined()
        else:
            self.send(b"Login Failed\r\n")
            self.close()

    def send(self, data: bytes) -> None:
        """Send, in pieces if that is asked for."""
        if self._transport is None:
            return
        if not self._stream.settings.stream.chunked or not self.logged_in:
            self._transport.write(data)
        else:
            self._pieces.write(self._transport, data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()


class ReportStream:
    """Listens for applications, and sends each event to all that have logged in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: SimulatorSettings,
        listener: Listener,
        locked: Callable[[str], bool],
        wrong_password: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.settings = settings
        self.dice = random.Random(settings.stream.seed)
        self.connections: set[StreamConnection] = set()
        self.silent = False
        self.port = settings.report_port
        self._listener = listener
        self._locked = locked
        self._wrong_password = wrong_password
        self._server: asyncio.Server | None = None
        self._greeting: Callable[[str], bytes] | None = None

    async def listen(self) -> None:
        """Begin to listen, on the same port as before; OSError when it is taken."""
        if self._server is not None:
            return
        self._server = await self.loop.create_server(
            lambda: StreamConnection(self), self.settings.host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def version(self) -> str:
        """The format that the application asked for which logged in; of several, the older one."""
        versions = [each.version for each in self.connections if each.version is not None]
        return min(versions, default="")

    @property
    def pending(self) -> int:
        """Connections that still wait for a part of an event."""
        return sum(1 for each in self.connections if each.waiting)

    def admits(self, connection: StreamConnection, block: Mapping[str, str]) -> bool:
        """Whether the login is good; a wrong secret counts for the lock of its address."""
        if self._locked(connection.peer):
            return False
        good = (
            block.get("action", "").lower() == "login"
            and block.get("username") == self.settings.username
            and hmac.compare_digest(block.get("secret", "").encode(), self.settings.password.encode())
        )
        if not good:
            self._wrong_password(connection.peer)
        return good

    def greet_next(self, greeting: Callable[[str], bytes]) -> None:
        """Send this to who logs in next, in the format that it asks for."""
        self._greeting = greeting

    def joined(self) -> None:
        """Somebody has logged in."""
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            self.enqueue(Lane(), Report("", "BootUp", greeting(self.version)))

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Send an event now; it is lost when nobody is there."""
        listening = [each for each in self.connections if each.logged_in]
        if not listening or self.silent:
            self._listener("dropped", report)
            return
        report.attempts = 1
        self._listener("sent", report)
        separator = self.settings.stream.separator
        end = self.dice.choice(list(SEPARATORS.values())) if separator == "random" else SEPARATORS[separator]
        for connection in listening:
            connection.send(report.body + end)

    def clear(self) -> None:
        """Nothing waits here for longer than it takes to write it."""

    def drop(self) -> None:
        """Cut every connection."""
        for connection in list(self.connections):
            connection.abort()

    def close(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()


def login_block(data: bytes) -> dict[str, str] | None:
    """The fields of a login, names in small letters without blanks; None while it is not complete.

    It is complete with its version's line, which is the last of the manual's four, or with an empty line.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = text.split("\n")
    fields: dict[str, str] = {}
    for line in lines[:-1]:
        if not line.strip() and fields:
            return fields
        name, _, value = line.partition(":")
        fields["".join(name.lower().split())] = value.strip()
        if {"action", "username", "secret", "version"} <= fields.keys():
            return fields
    return None
