"""A transport for httpx that is made for one PBX: HTTP/1.1, kept connections, and many requests at once.

httpx's own takes a third of a millisecond of processor time for a request, most of it in a parser written
in Python; this one leaves parsing to llhttp, and a tenth remains. Its failures are httpx's exceptions.
"""

import re
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from dispatcher.pbx.connection import Connection, Connections

LARGEST_RESPONSE = 8 * 1024 * 1024

GATHER_SECONDS = 0.002
"""Answers to many requests are handed on so far apart at least, since each time is a transaction."""

_TARGET = re.compile(rb"[\x21-\x7e]+")
_FIELD = re.compile(rb"[^\x00\r\n]*")


class TooLarge(httpx.RemoteProtocolError):
    """The answer is larger than any answer of the API."""


class SentTooLate(httpx.PoolTimeout):
    """The request was not sent, because it could not be in time."""


class _Body(httpx.SyncByteStream):
    """The body of an answer, read as it comes. Closing it gives the connection back."""

    def __init__(self, connections: Connections, connection: Connection, timeout: float) -> None:
        self._connections = connections
        self._connection: Connection | None = connection
        self._timeout = timeout

    def __iter__(self) -> Iterator[bytes]:
        connection = self._connection
        while connection is not None:
            parts, connection.parts = connection.parts, []
            yield from parts
            if connection.is_whole:
                return
            _read(connection, self._timeout)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._connections.give_back(connection)


@dataclass(slots=True)
class _UnderWay:
    """A request whose answer has not come: its place among those sent together, and until when it may."""

    place: int
    connection: Connection
    timeout: float
    deadline: float
    last: float


class PbxTransport(httpx.BaseTransport):
    """Sends requests to the one host of ``base``; any other in their URLs is not looked at.

    At most ``most`` requests are under way at a time, and a connection is kept for ``keep`` seconds.
    """

    def __init__(self, base: httpx.URL, tls: ssl.SSLContext | None, *, most: int, keep: float) -> None:
        self._is_http = base.scheme in ("http", "https")
        self._address = (base.raw_host.decode("ascii"), base.port or (443 if base.scheme == "https" else 80))
        self._host = base.netloc
        self._tls = tls
        self._connections = Connections(self._connect, most, keep)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, and return its answer once the headers are there."""
        timeouts = request.extensions["timeout"]
        data = self._written(request)
        connection = self._connections.take(wait=timeouts["pool"], connect=timeouts["connect"])
        body = _Body(self._connections, connection, timeouts["read"])
        try:
            connection.send(data, timeouts["write"])
            while not connection.has_head:
                _read(connection, timeouts["read"])
        except BaseException:
            body.close()
            raise
        return httpx.Response(connection.status, headers=connection.headers, stream=body)

    def handle_together(
        self, requests: Sequence[httpx.Request], send_by: float
    ) -> Iterator[list[tuple[int, httpx.Response | Exception]]]:
        """Send many requests at once, and yield whole answers, or failures, in the order of their coming.

        Each is on a connection of its own. What can't be sent by ``send_by`` (monotonic seconds) is not
        sent. Once the PBX takes no connection, the others are not tried. Whoever stops to iterate drops
        the connections of all that are unanswered.
        """
        unsent = deque(enumerate(requests))
        under_way: dict[int, _UnderWay] = {}
        poll = select.poll()
        try:
            while unsent or under_way:
                done = self._send_what_can_be(unsent, under_way, poll, send_by)
                done += self._answered(under_way, poll, 0.0 if done else None)
                gathered_at = time.monotonic() + GATHER_SECONDS
                while done and under_way and (left := gathered_at - time.monotonic()) > 0:
                    done += self._answered(under_way, poll, left)
                if done:
                    yield done
        finally:
            for item in under_way.values():
                self._connections.give_back(item.connection)

    def close(self) -> None:
        """Drop the connections."""
        self._connections.close()

    def _send_what_can_be(
        self,
        unsent: deque[tuple[int, httpx.Request]],
        under_way: dict[int, _UnderWay],
        poll: select.poll,
        send_by: float,
    ) -> list[tuple[int, httpx.Response | Exception]]:
        failed: list[tuple[int, httpx.Response | Exception]] = []
        while unsent:
            place, request = unsent[0]
            try:
                item = self._sent(place, request, send_by, may_wait=not (under_way or failed))
            except httpx.PoolTimeout as error:
                if not isinstance(error, SentTooLate) and (under_way or failed):
                    break  # There will be room when one of ours has been answered.
                failed.append((place, error))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed += [(other, error) for other, _ in unsent]
                unsent.clear()
                break
            except Exception as error:
                failed.append((place, error))
            else:
                under_way[item.connection.fileno()] = item
                poll.register(item.connection, select.POLLIN)
            unsent.popleft()
        return failed

    def _sent(self, place: int, request: httpx.Request, send_by: float, *, may_wait: bool) -> _UnderWay:
        timeouts = request.extensions["timeout"]
        data = self._written(request)
        _check_time(send_by)
        wait = timeouts["pool"] if may_wait else 0.0
        connection = self._connections.take(wait=wait, connect=timeouts["connect"])
        try:
            _check_time(send_by)
            connection.send(data, timeouts["write"])
        except BaseException:
            self._connections.give_back(connection)
            raise
        now, timeout = time.monotonic(), timeouts["read"]
        return _UnderWay(place, connection, timeout, now + 2 * timeout, now)

    def _answered(
        self, under_way: dict[int, _UnderWay], poll: select.poll, wait: float | None
    ) -> list[tuple[int, httpx.Response | Exception]]:
        """The answers that have come; waits for the first, but so many seconds at most."""
        if not under_way:
            return []
        soonest = min(min(item.last + item.timeout, item.deadline) for item in under_way.values())
        ahead = max(0.0, soonest - time.monotonic())
        ready = poll.poll(1000 * (ahead if wait is None else min(wait, ahead)))
        now, found = time.monotonic(), []
        for number in {fd for fd, _ in ready} | {
            fd for fd, item in under_way.items() if now >= min(item.last + item.timeout, item.deadline)
        }:
            item = under_way[number]
            outcome = _progress(item, now)
            if outcome is not None:
                poll.unregister(number)
                del under_way[number]
                self._connections.give_back(item.connection)
                found.append((item.place, outcome))
        return found

    def _connect(self, timeout: float) -> Connection:
        if not self._is_http:
            raise httpx.UnsupportedProtocol("neither http nor https")
        try:
            connected = socket.create_connection(self._address, timeout)
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise httpx.ConnectError(str(error)) from None
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_hostname=self._address[0])
        except TimeoutError:
            connected.close()
            raise httpx.ConnectTimeout("no connection in time") from None
        except OSError as error:
            connected.close()
            raise httpx.ConnectError(str(error)) from None
        return Connection(connected)

    def _written(self, request: httpx.Request) -> bytes:
        target: bytes = request.extensions["target"]
        fields = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        if _TARGET.fullmatch(target) is None or any(_FIELD.fullmatch(value) is None for _, value in fields):
            raise httpx.LocalProtocolError("the request can't be written")
        head = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target), b"Host: " + self._host]
        head += [b"%b: %b" % item for item in fields]
        return b"\r\n".join([*head, b"", request.content])


def _check_time(send_by: float) -> None:
    if time.monotonic() > send_by:
        raise SentTooLate("it is too late to send the request")


def _read(connection: Connection, timeout: float) -> bool:
    has_come = connection.read(timeout)
    if connection.size > LARGEST_RESPONSE:
        raise TooLarge("the answer is too large")
    return has_come


def _progress(item: _UnderWay, now: float) -> httpx.Response | Exception | None:
    """Read what has come of an answer: the whole answer, a failure, or None while more must come."""
    connection = item.connection
    try:
        while not connection.is_whole and _read(connection, 0.0):
            item.last = now
    except Exception as error:
        return error
    if connection.is_whole:
        content = b"".join(connection.parts)
        return httpx.Response(connection.status, headers=connection.headers, content=content)
    if now >= min(item.last + item.timeout, item.deadline):
        return httpx.ReadTimeout("no whole answer in time")
    return None
