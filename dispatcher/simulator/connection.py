"""What reports travel in: where they go, the queue of a call, and one connection to the application."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast


@dataclass(frozen=True, slots=True)
class Destination:
    """Where reports go, and the version of the report format that the application asked for."""

    host: str
    port: int
    path: str
    version: str = ""

    def head(self, accepts: Sequence[str], *, keep_alive: bool) -> bytes:
        """Everything of a request up to the value of Content-Length, each of `accepts` in an `Accept`."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            "User-Agent: WebAPI",
            f"Host: {self.host}:{self.port}",
            "Content-Type: application/json",
            *(f"Accept: {accepted}" for accepted in accepts),
            *(() if keep_alive else ("Connection: close",)),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")


class Report:
    """One report on its way."""

    __slots__ = ("action", "attempts", "body", "callid")

    def __init__(self, callid: str, action: str, body: bytes) -> None:
        self.callid = callid
        self.action = action
        self.body = body
        self.attempts = 0


class Lane:
    """The reports of one call, in order; `held` is one that waits to change places with the next."""

    __slots__ = ("active", "held", "reports")

    def __init__(self) -> None:
        self.reports: deque[Report] = deque()
        self.active = False
        self.held: Report | None = None


class Carrier(Protocol):
    """Who owns connections and hears what becomes of the reports on them."""

    def answered(self, connection: "ReportConnection", status: int, *, reusable: bool) -> None:
        """The application answered."""

    def lost(self, connection: "ReportConnection") -> None:
        """The connection is gone."""


class ReportConnection(asyncio.Protocol):
    """One connection to the application, with at most one report under way."""

    __slots__ = ("_buffer", "_sender", "_transport", "destination", "lane", "since")

    def __init__(self, sender: Carrier, destination: Destination) -> None:
        self._sender = sender
        self.destination = destination
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.lane: Lane | None = None
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, lane: Lane, payload: bytes, now: float) -> None:
        """Send the head of a lane."""
        self.lane = lane
        self.since = now
        if self._transport is not None:
            self._transport.write(payload)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return
        head = buffer[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else -1
        if length >= 0 and len(buffer) < end + 4 + length:
            self._buffer = buffer
            return
        self._buffer = b""
        reusable = length >= 0 and b"\r\nconnection: close" not in head
        self._sender.answered(self, int(head[9:12]), reusable=reusable)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self._sender.lost(self)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def open(self) -> bool:
        """Whether the connection can carry a report."""
        return self._transport is not None and not self._transport.is_closing()
