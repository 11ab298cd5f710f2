"""One connection of a sender of reports: HTTP/1.1, one answer after the other."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import NamedTuple, cast
from urllib.parse import unquote

import httptools

Answer = Callable[[int, str], None]
"""Answers a request, once, with a status and a text."""

MOST_AHEAD = 8
"""So many requests a sender may send before it has the answer to the first; the others wait unread."""

_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNREADABLE = "this is not a request of HTTP"
_FARTHEST = 16
"""A request so many times larger than a report may be is not read to its end."""


class Request(NamedTuple):
    """A whole request. Without a method it could not be read; without a body, that was too large."""

    client: str
    """The address that it came from."""
    method: str
    path: str
    body: bytes | None
    is_last: bool
    """Whether the connection ends with its answer."""
    raw_headers: list[tuple[bytes, bytes]]

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}


Serve = Callable[[Request, Answer], None]
"""Serves a request; the answer may come later."""


@lru_cache(maxsize=64)
def _text_of(status: int, text: str, method: str, is_last: bool, second: int) -> bytes:
    """A whole answer. Nearly all of one second are the same."""
    body = text.encode() if status == 200 else json.dumps({"status": status, "detail": text}).encode()
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"date: {formatdate(second, usegmt=True)}",
        f"content-type: {'text/plain' if status == 200 else 'application/problem+json'}",
        f"content-length: {len(body)}",
    ]
    if is_last:
        head.append("connection: close")
    return "\r\n".join([*head, "", ""]).encode() + (b"" if method == "HEAD" else body)


class Connection(asyncio.Protocol):
    """Reads requests with the parser that uvicorn uses, and has each served when the one before is answered.

    ``known`` are the server's open connections, of which this is one until it is lost.
    """

    def __init__(
        self, serve: Callable[[Request, Answer], None], limit: int, known: set["Connection"]
    ) -> None:
        self._serve = serve
        self._limit = limit
        self._known = known
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._is_busy = self._is_closing = False
        self._transport: asyncio.Transport | None = None
        self._client = ""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = self._unread = 0
        self._is_paused = False
        self.quiet_since = time()
        """When something last came or went."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is closed."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is being served."""
        return self._is_busy

    def leave(self) -> None:
        """Close the connection after the answer that is under way."""
        self._is_closing = True
        if not self._is_busy:
            self.abort()

    def abort(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A sender has connected."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        self._known.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender has gone; what it has sent whole is served, though nobody hears the answer."""
        self._transport = None
        self._known.discard(self)
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self.quiet_since = time()
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # Whatever it wants to speak: that request was its last.
        except httptools.HttpParserError:
            self._take(Request(self._client, "", "", None, True, []))
        if self._unread > _FARTHEST * self._limit:
            self.abort()
        elif self._transport is not None and len(self._waiting) >= MOST_AHEAD:
            self._is_paused = True
            self._transport.pause_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._headers, self._parts, self._size = b"", [], [], 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; the parser itself heeds those that say how long the body is."""
        self._headers.append((name, value))
        if self._transport is not None and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(_GO_ON)

    def on_body(self, part: bytes) -> None:
        """A piece of the body. One that is too large is read to its end, else its sender gets no answer."""
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._unread = 0
        path = unquote(self._url.partition(b"?")[0].decode("ascii", "replace"))
        body = b"".join(self._parts) if self._size <= self._limit else None
        method = self._parser.get_method().decode("ascii")
        is_last = not self._parser.should_keep_alive() or self._parser.should_upgrade()
        self._take(Request(self._client, method, path, body, is_last, self._headers))

    def _take(self, request: Request) -> None:
        self._waiting.append(request)
        if not self._is_busy:
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            return  # The connection was lost meanwhile.
        request = self._waiting.popleft()
        self._is_busy = True
        if not request.method:
            self._answer(request, 400, _UNREADABLE)
            return
        self._serve(request, lambda status, text: self._answer(request, status, text))

    def _answer(self, request: Request, status: int, text: str) -> None:
        self._is_busy = False
        self.quiet_since = now = time()
        if self._transport is None:
            self._waiting.clear()
            return
        is_last = request.is_last or self._is_closing
        self._transport.write(_text_of(status, text, request.method, is_last, int(now)))
        if is_last:
            self._waiting.clear()
            self._transport.close()
        elif self._waiting:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._next)
        elif self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
