"""A PBX of raw sockets: answers, stalls and cuts exactly where a test says, and keeps what it was sent."""

import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", headers: bytes = b"") -> Behaviour:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode() + headers + b"\r\n"
    return send(head + body)


def send(data: bytes) -> Behaviour:
    """These bytes and nothing else; the connection stays open."""
    return lambda connection: connection.sendall(data)


def send_and_close(data: bytes) -> Behaviour:
    """These bytes, then the end of the connection; none at all: a cut after the request."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


def in_turn(*bodies: bytes) -> Behaviour:
    """These answers, one a request."""
    left = [answer(body) for body in bodies]

    def behave(connection: socket.socket) -> None:
        left.pop(0)(connection)

    return behave


def reset(connection: socket.socket) -> None:
    """The connection is reset, as by a PBX that dies."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def stall(connection: socket.socket) -> None:
    """No answer; the connection stays open."""


class RawServer:
    """A port of this machine that takes connections in a thread, within a ``with`` block."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_connections()
        self._thread.join()
        self.close_connections()

    def close_connections(self) -> None:
        """Close what is open, as an embedded server does with idle connections."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self._open.clear()

    def taken(self, connection: socket.socket) -> None:
        """What is done with a new connection, in the thread that takes the next one only then."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self.taken(connection)
            except OSError:
                if self._listener.fileno() < 0:
                    return


class RawPbx(RawServer):
    """Serves every connection with ``behaviour``, request by request; over TLS when given a context."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.connections = 0
        self._tls = tls

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def taken(self, connection: socket.socket) -> None:
        """Serve it in a thread of its own."""
        self.connections += 1
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def respond(self, connection: socket.socket, request: bytes) -> None:
        """Answer one request, or not."""
        self.behaviour(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while request := _read_request(connection):
                self.requests.append(request)
                self.respond(connection, request)
        except OSError:
            return


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = (
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    length = next(lengths, 0)
    while len(body) < length:
        if not (chunk := connection.recv(65536)):
            return b""
        body += chunk
    return head + b"\r\n\r\n" + body
