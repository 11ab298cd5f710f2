"""A small HTTP/1.1 server on an asyncio protocol.

A web framework would take processor time from the dispatcher under test; and a simulator must be able to cut
a connection in the middle of a request, which frameworks prevent.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast
from urllib.parse import parse_qsl

import httptools

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict"}
REASONS |= {201: "Created", 401: "Unauthorized", 403: "Forbidden"}
REASONS |= {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}


class Request:
    """One request, and the way to answer it: exactly one of `reply`, `cut` and `reset`, at any later time."""

    __slots__ = ("_connection", "body", "headers", "keep_alive", "method", "path", "peer", "query")

    def __init__(
        self, connection: "ServerConnection", method: str, url: bytes, body: bytes, keep_alive: bool
    ) -> None:
        path, _, query = url.decode("latin-1").partition("?")
        self._connection = connection
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.peer = connection.peer
        self.headers = connection.headers
        self.keep_alive = keep_alive

    def header(self, name: str) -> str:
        """A header by its name in small letters; empty when absent."""
        return self.headers.get(name.encode(), b"").decode("latin-1")

    def parameter(self, name: str) -> str:
        """A parameter of the query string; empty when absent."""
        query = self.query
        if query.startswith(name + "=") and "&" not in query and "%" not in query:
            return query[len(name) + 1 :]
        return dict(parse_qsl(query, keep_blank_values=True)).get(name, "")

    def parameters(self) -> dict[str, str]:
        """The whole query string."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def reply(self, body: bytes, status: int = 200, content_type: str = "application/json") -> None:
        """Answer the request."""
        self._connection.respond(body, status, content_type, keep_alive=self.keep_alive)

    def cut(self) -> None:
        """Drop the connection without an answer."""
        self._connection.abort()

    def reset(self) -> None:
        """Reset the connection, as a router does that has lost it."""
        self._connection.abort(reset=True)

    def take_over(self, stream: "Stream") -> asyncio.Transport | None:
        """Give the connection to `stream`, which hears from now on what comes; None when it is gone."""
        return self._connection.give(stream)


class Stream(Protocol):
    """What a connection is given to whose request was none for an answer."""

    def data_received(self, data: bytes) -> None:
        """Something came."""

    def connection_lost(self) -> None:
        """The connection is gone."""


Handler = Callable[[Request], None]


class ServerConnection(asyncio.Protocol):
    """One client's connection; requests are handled one after the other."""

    def __init__(self, handler: Handler, connections: set["ServerConnection"]) -> None:
        self._handler = handler
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._url = b""
        self._body = b""
        self.peer = ""
        self.headers: dict[bytes, bytes] = {}
        self._stream: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self._connections.discard(self)
        if self._stream is not None:
            self._stream.connection_lost()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._stream is not None:
            self._stream.data_received(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # The request has been handled: it was answered, or has taken the connection over.
        except httptools.HttpParserError:
            self.respond(b"", 400, "text/plain", keep_alive=False)

    def on_message_begin(self) -> None:
        """Called by the parser: a request begins."""
        self._url = b""
        self._body = b""
        self.headers = {}

    def on_url(self, url: bytes) -> None:
        """Called by the parser: (a part of) the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: a header."""
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Called by the parser: (a part of) the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser: the request is whole."""
        method = self._parser.get_method().decode("latin-1")
        request = Request(self, method, self._url, self._body, self._parser.should_keep_alive())
        if self._busy:
            self._waiting.append(request)
        else:
            self._busy = True
            self._handler(request)

    def respond(self, body: bytes, status: int, content_type: str, *, keep_alive: bool) -> None:
        """Write one response, and go on with a request that came in meanwhile."""
        if self._transport is None:
            return
        self._transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nAccess-Control-Allow-Origin: *\r\n"
            b"Content-Length: %d\r\n%s\r\n%s"
            % (
                status,
                REASONS.get(status, "Unknown").encode(),
                content_type.encode(),
                len(body),
                b"" if keep_alive else b"Connection: close\r\n",
                body,
            )
        )
        if not keep_alive:
            self._transport.close()
            return
        self._busy = False
        if self._waiting:
            self._busy = True
            self._handler(self._waiting.popleft())

    def give(self, stream: Stream) -> asyncio.Transport | None:
        """Let `stream` hear all that comes from now on."""
        self._stream = stream
        return self._transport

    def abort(self, *, reset: bool = False) -> None:
        """Cut the connection; with `reset` the client gets a reset and not an end."""
        if self._transport is None:
            return
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


class HttpServer:
    """Listens, and can go away for a while as a restarting PBX does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler) -> None:
        self._loop = loop
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[ServerConnection] = set()
        self._host = ""
        self.port = 0

    async def listen(self, host: str, port: int) -> None:
        """Begin to listen; port 0 takes a free one. OSError when the port is taken."""
        self._host = host
        self._server = await self._loop.create_server(
            lambda: ServerConnection(self._handler, self._connections), host, port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def drop_connections(self) -> None:
        """Cut every open connection."""
        for connection in list(self._connections):
            connection.abort()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()

    async def away(self, seconds: float) -> None:
        """Refuse connections for a while, then listen again on the same port."""
        self.close()
        await asyncio.sleep(seconds)
        await self.listen(self._host, self.port)
