"""The port of the manager interface: connections, their logins, and who gets which events."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import cast

from dispatcher.simulator.asterisk.words import BANNER, Fields, block, blocks_in
from dispatcher.simulator.connection import Lane, Report
from dispatcher.simulator.settings import SimulatorSettings

END = "\r\n\r\n"
LARGEST = 65_536
Action = dict[str, list[str]]


class ManagerConnection(asyncio.Protocol):
    """One application's connection. Its actions are answered in the order in which they come."""

    def __init__(self, port: "ManagerPort") -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._heard = b""
        self._challenge = ""
        self.is_in = False
        self.classes: frozenset[str] = frozenset()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        self._port.connections.add(self)
        self._transport.write(BANNER)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self._port.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        found, self._heard = blocks_in(self._heard + data)
        if len(self._heard) > LARGEST:
            self.cut()
        for action in found:
            self._act(action)

    def _act(self, action: Action) -> None:
        name = first(action, "action").lower()
        if self.is_in:
            self._port.act(name, action, self)
        elif name == "challenge":
            self._challenge = secrets.token_hex(5)
            self.respond(action, "Success", [("Challenge", self._challenge)])
        elif name == "login" and self._proves(action):
            self.is_in = True
            self.classes = frozenset(first(action, "events").split(",")) - {"off"}
            self.respond(action, "Success", [("Message", "Authentication accepted")])
        elif name == "login":
            self.respond(action, "Error", [("Message", "Authentication failed")])
            self.close()
        else:
            self.respond(action, "Error", [("Message", "Permission denied")])

    def _proves(self, action: Action) -> bool:
        settings = self._port.settings
        proof = f"{self._challenge}{settings.password}".encode()
        key = hashlib.md5(proof, usedforsecurity=False).hexdigest()
        known = first(action, "username") == settings.username
        return known and bool(self._challenge) and hmac.compare_digest(first(action, "key"), key)

    def respond(self, action: Action, response: str, fields: Fields = ()) -> None:
        """Answer an action."""
        key = [("ActionID", first(action, "actionid"))] if "actionid" in action else []
        self.send(block([("Response", response), *key, *fields]))

    def list(self, action: Action, event: str, rows: Sequence[Fields]) -> None:
        """Answer an action with a list of events."""
        key = ("ActionID", first(action, "actionid"))
        self.respond(action, "Success", [("EventList", "start"), ("Message", "Result will follow")])
        for row in rows:
            self.send(block([("Event", event), key, *row]))
        end = [("Event", f"{event}Complete"), key, ("EventList", "Complete"), ("ListItems", str(len(rows)))]
        self.send(block(end))

    def send(self, text: str) -> None:
        """Send messages."""
        if self._transport is not None:
            self._transport.write((text + END).encode())

    def close(self) -> None:
        """Close the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()


class ManagerPort:
    """Listens for applications, and sends each event to those that have asked for its class."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: SimulatorSettings,
        act: Callable[[str, Action, ManagerConnection], None],
        listener: Callable[[str, Report], None],
    ) -> None:
        self.settings = settings
        self.act = act
        self.connections: set[ManagerConnection] = set()
        self.port = settings.report_port
        self._loop = loop
        self._listener = listener
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Begin to listen, on the same port as before; OSError when it is taken."""
        if self._server is None:
            self._server = await self._loop.create_server(
                lambda: ManagerConnection(self), self.settings.host, self.port
            )
            self.port = self._server.sockets[0].getsockname()[1]

    @property
    def pending(self) -> int:
        """Nothing waits here for longer than it takes to write it."""
        return 0

    @property
    def listening(self) -> list[ManagerConnection]:
        """The connections that get the events of calls."""
        return [each for each in self.connections if each.is_in and "call" in each.classes]

    def tell(self, text: str) -> None:
        """Send an event that is no report: the application has no use for it."""
        for connection in self.listening:
            connection.send(text)

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Send the events of a report now; they are lost when nobody is there."""
        listening = self.listening
        self._listener("sent" if listening else "dropped", report)
        for connection in listening:
            connection.send(report.body.decode())

    def clear(self) -> None:
        """Nothing waits here."""

    def drop(self) -> None:
        """Cut every connection."""
        for connection in list(self.connections):
            connection.cut()

    def close(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()


def first(action: Action, name: str) -> str:
    """The first value of a field; empty where there is none."""
    return action.get(name, [""])[0]
