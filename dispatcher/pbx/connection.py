"""One connection to a PBX, and those that are kept for the next request."""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable

import httptools
import httpx

LARGEST_HEAD = 64 * 1024
"""An answer's headers are not read beyond this."""

_CHUNK = 65536
_BODILESS = (204, 304)
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def _is_ready(connected: socket.socket, what: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(connected, what)
    return bool(poll.poll(max(0.0, seconds) * 1000))


class Connection:
    """A connected socket, and the answer that is being read from it. Used by one thread at a time.

    Failures are httpx's: every exception says whether it came while sending or while reading.
    """

    def __init__(self, connected: socket.socket) -> None:
        # A socket with a time-out is asked by the interpreter before each call whether it is ready.
        connected.setblocking(False)
        self._socket = connected
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self.idle_since = time.monotonic()
        self._forget()

    def fileno(self) -> int:
        """The socket's descriptor, to wait for its answer with others."""
        return self._socket.fileno()

    def _forget(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.size = 0
        """How many bytes of the body have come."""
        self.is_whole = self._has_head = self._has_end = self._is_lasting = False
        self._unread = 0
        self._parser = httptools.HttpResponseParser(self)

    @property
    def has_head(self) -> bool:
        """Whether the status and all headers have come."""
        return self._has_head

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow the one that has been answered."""
        return self.is_whole and self._is_lasting

    def is_quiet(self) -> bool:
        """Whether nothing has come since the last answer, not even the connection's end."""
        return not self._poll.poll(0)

    def send(self, request: bytes, timeout: float) -> None:
        """Send a whole request; its answer is read next."""
        self._forget()
        until = time.monotonic() + timeout
        left = memoryview(request)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except _NOT_YET:
                if not _is_ready(self._socket, select.POLLOUT, until - time.monotonic()):
                    raise httpx.WriteTimeout("the request could not be sent in time") from None
            except OSError as error:
                raise httpx.WriteError(str(error)) from None

    def read(self, timeout: float) -> bool:
        """Wait for some more of the answer, so many seconds at most; with zero take what is there.

        Returns whether anything has come, which may be the end.
        """
        until = time.monotonic() + timeout
        while (data := self._received()) is None:
            if timeout == 0.0:
                return False
            if not self._poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise httpx.ReadTimeout("no answer in time")
        if not data:
            self._end()
            return True
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise httpx.RemoteProtocolError("the answer is not HTTP") from None
        if not self._has_head and self._unread > LARGEST_HEAD:
            raise httpx.RemoteProtocolError("the answer's headers do not end")
        return True

    def _received(self) -> bytes | None:
        """What has come; None when that is nothing, and no bytes when it is the connection's end."""
        try:
            return self._socket.recv(_CHUNK)
        except _NOT_YET:
            return None
        except OSError as error:
            raise httpx.ReadError(str(error)) from None

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    def _end(self) -> None:
        """The PBX has closed the connection, which ends an answer that does not say how long it is."""
        if not self._has_head or self._has_end:
            raise httpx.RemoteProtocolError("the connection ended before the answer did")
        self.is_whole = True

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody has asked for spoils the connection."""
        if self.is_whole:
            self._is_lasting = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if self.is_whole:
            return
        self.headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_end = True

    def on_headers_complete(self) -> None:
        """The whole head has come."""
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        self._has_end = self._has_end or self.status in _BODILESS

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        if not self.is_whole:
            self.parts.append(part)
            self.size += len(part)

    def on_message_complete(self) -> None:
        """An answer is whole, unless it was one of those that only announce another."""
        if not self._has_head:
            self.headers, self._has_end = [], False
            return
        if not self.is_whole:
            self.is_whole = True
            self._is_lasting = self._parser.should_keep_alive()


class Connections:
    """The connections to one PBX: ``most`` at once, kept idle for ``keep`` seconds. Thread-safe."""

    def __init__(self, connect: Callable[[float], Connection], most: int, keep: float) -> None:
        self._connect = connect
        self._keep = keep
        self._room = threading.BoundedSemaphore(most)
        self._guard = threading.Lock()
        self._idle: list[Connection] = []
        self._is_closed = False

    def take(self, *, wait: float, connect: float) -> Connection:
        """A connection for one request, kept or new; raises httpx's ``PoolTimeout``, ``ConnectError`` …

        Both times are in seconds: to wait for others' requests to end, and to connect.
        """
        if not self._room.acquire(timeout=wait):
            raise httpx.PoolTimeout("all connections are in use")
        try:
            return self._kept() or self._connect(connect)
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, if it may have one."""
        now = connection.idle_since = time.monotonic()
        with self._guard:
            if connection.is_reusable and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()
            while self._idle and self._idle[0].idle_since < now - self._keep:
                self._idle.pop(0).close()
        self._room.release()

    def close(self) -> None:
        """Drop those that are idle; the others are dropped when they are given back."""
        with self._guard:
            self._is_closed = True
            while self._idle:
                self._idle.pop().close()

    def _kept(self) -> Connection | None:
        """The connection that was used last, unless it has been idle for too long or was closed."""
        oldest = time.monotonic() - self._keep
        while True:
            with self._guard:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.idle_since >= oldest and connection.is_quiet():
                return connection
            connection.close()
