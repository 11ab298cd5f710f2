"""The WebSocket: an application connects with its token, names its topics, and gets one event a message.

A connection on which the application has said nothing for a minute is closed (guide, "Monitor Events via
WebSocket"). What becomes of one whose token lapses is not told; here it stays open.
"""

import asyncio
import json
import logging
import random

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol

from dispatcher.simulator.connection import Report
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.pieces import Pieces
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar_p.bodies import refused, succeeded
from dispatcher.simulator.yeastar_p.words import SYNTAX

IDLE_SECONDS = 60.0

# A logger that nobody hears: frame by frame is more than anybody reads.
_unheard = logging.getLogger(f"{__name__}.frames")
_unheard.setLevel(logging.CRITICAL + 1)


class Socket:
    """One application's connection."""

    def __init__(self, sockets: "Sockets", request: Request) -> None:
        self._sockets = sockets
        self._pieces = Pieces(sockets.loop, sockets.dice)
        self._protocol = ServerProtocol(logger=_unheard)
        self._topics: frozenset[int] = frozenset()
        self._transport = request.take_over(self)
        self._timer = sockets.loop.call_later(IDLE_SECONDS, self.close)
        headers = b"".join(b"%b: %b\r\n" % each for each in request.headers.items())
        self._receive(f"GET {request.path} HTTP/1.1\r\n".encode() + headers + b"\r\n")

    @property
    def waiting(self) -> int:
        """Bytes that are still to be sent."""
        return self._pieces.waiting

    def wants(self, event: int) -> bool:
        """Whether the application has asked for this event, and has not said goodbye."""
        return event in self._topics and self._protocol.state is State.OPEN

    def data_received(self, data: bytes) -> None:
        """The application has said something, or answered a ping."""
        self._timer.cancel()
        self._timer = self._sockets.loop.call_later(IDLE_SECONDS, self.close)
        self._receive(data)

    def connection_lost(self) -> None:
        """The connection is gone."""
        self._timer.cancel()
        self._pieces.drop()
        self._transport = None
        self._sockets.connections.discard(self)

    def say(self, text: bytes) -> None:
        """Send a message."""
        self._protocol.send_text(text)
        self._flush()

    def close(self) -> None:
        """End the connection as the protocol wants it."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close()
            self._flush()
        self.abort()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Handshake):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._heard(bytes(event.data))
        self._flush()

    def _heard(self, text: bytes) -> None:
        if text == b"heartbeat":
            self.say(b"heartbeat response")
            return
        try:
            topics = json.loads(text)["topic_list"]
            self._topics = frozenset(int(topic) for topic in topics)
        except (ValueError, KeyError, TypeError):
            self.say(refused(SYNTAX))
        else:
            self.say(succeeded({}))

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if self._transport is None:
            return
        if self._sockets.chunked:
            self._pieces.write(self._transport, data)
        else:
            self._transport.write(data)
        if self._protocol.close_expected():
            self._transport.close()


class Sockets:
    """Every connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings) -> None:
        self.loop = loop
        self.dice = random.Random(settings.stream.seed)
        self.chunked = settings.stream.chunked
        self.connections: set[Socket] = set()
        self.silent = False

    @property
    def pending(self) -> int:
        """Connections that still wait for a part of an event."""
        return sum(1 for each in self.connections if each.waiting)

    def open(self, request: Request) -> None:
        """Answer a handshake."""
        self.connections.add(Socket(self, request))

    def enqueue(self, report: Report, event: int) -> bool:
        """Send an event now to whoever has asked for it; False when nobody has."""
        wanting = [each for each in self.connections if each.wants(event)]
        if self.silent:
            return False
        for each in wanting:
            each.say(report.body)
        return bool(wanting)

    def drop(self) -> None:
        """Cut every connection."""
        for each in list(self.connections):
            each.abort()
