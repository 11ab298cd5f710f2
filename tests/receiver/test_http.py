"""The receiver's own HTTP, as senders of every make speak it, well or badly."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dispatcher.receiver.connection import MOST_AHEAD, Answer, Request
from dispatcher.receiver.server import ReportServer
from dispatcher.runtime.running import bound

LIMIT = 1000


class Told:
    """Stands for the receiver: keeps what it was asked, and answers when a test lets it."""

    limit = LIMIT

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes | None]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_closed = False

    def open(self) -> None:
        """Nothing to begin."""

    def close(self) -> None:
        self.is_closed = True

    def serve(self, request: Request, answer: Answer) -> None:
        self.asked.append((request.method, request.path, request.body))
        loop = asyncio.get_running_loop()

        def when_allowed() -> None:
            if self.may_answer.is_set():
                answer(200, "OK")
            else:
                loop.call_later(0.005, when_allowed)

        when_allowed()


class Sender:
    """A connection to the server, byte by byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, answers: int = 1) -> bytes:
        """What comes until so many answers are whole, or the connection ends."""
        data = b""
        while data.count(b"\r\n\r\nOK") < answers:
            chunk = self.socket.recv(65536)
            if not chunk:
                break
            data += chunk
        return data

    def is_over(self) -> bool:
        """Whether the server has ended the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def sender(told: Told) -> Iterator[Sender]:
    at = bound("127.0.0.1:0")
    server = ReportServer(told, at)  # type: ignore[arg-type]
    server.start()
    made = Sender(at.getsockname()[1])
    yield made
    made.socket.close()
    told.may_answer.set()
    server.stop()
    assert told.is_closed
    at.close()


def post(body: bytes, path: str = "/reports/hq", version: str = "1.1", more: str = "") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nHost: here\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_an_answer_has_what_http_asks_of_it(sender: Sender) -> None:
    sender.send(post(b"{}"))

    head, _, body = sender.read().partition(b"\r\n\r\n")

    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert [line.partition(":")[0] for line in lines[1:]] == ["date", "content-type", "content-length"]
    assert body == b"OK"


def test_a_request_may_come_in_any_pieces(told: Told, sender: Sender) -> None:
    for byte in post(b'{"action": "ALERT"}', "/reports/h%71?x=1"):
        sender.send(bytes([byte]))

    sender.read()

    assert told.asked == [("POST", "/reports/hq", b'{"action": "ALERT"}')]


def test_requests_that_do_not_wait_for_answers_are_answered_in_order(told: Told, sender: Sender) -> None:
    told.may_answer.clear()
    number = 3 * MOST_AHEAD
    sender.send(b"".join(post(str(place).encode()) for place in range(number)))
    while not told.asked:
        time.sleep(0.002)
    time.sleep(0.05)
    assert len(told.asked) == 1, "the second is served when the first has its answer"

    told.may_answer.set()
    sender.read(number)

    assert [body for _, _, body in told.asked] == [str(place).encode() for place in range(number)]


def test_a_connection_lasts_unless_the_sender_says_otherwise(sender: Sender) -> None:
    sender.send(post(b"1"))
    assert b"connection: close" not in sender.read()
    sender.send(post(b"2", more="Connection: close\r\n"))
    assert b"connection: close" in sender.read()
    assert sender.is_over()


def test_an_old_sender_gets_one_answer_a_connection(sender: Sender) -> None:
    sender.send(post(b"1", version="1.0"))

    assert b"connection: close" in sender.read()
    assert sender.is_over()


def test_a_sender_that_asks_before_it_sends_the_body_is_told_to(told: Told, sender: Sender) -> None:
    whole = post(b"body", more="Expect: 100-continue\r\n")
    sender.send(whole[:-4])
    assert sender.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sender.send(b"body")

    sender.read()

    assert told.asked[0][2] == b"body"


def test_what_is_no_http_is_answered_400_and_the_connection_ends(told: Told, sender: Sender) -> None:
    sender.send(b"\x16\x03\x01 hello\r\n\r\n")

    assert sender.socket.recv(1000).startswith(b"HTTP/1.1 400 Bad Request")
    assert sender.is_over()
    assert told.asked == []


def test_a_request_for_another_protocol_is_the_last(told: Told, sender: Sender) -> None:
    sender.send(post(b"1", more="Connection: upgrade\r\nUpgrade: websocket\r\n") + b"whatever")

    assert b"connection: close" in sender.read()
    assert sender.is_over()


def test_a_body_that_is_too_large_is_read_but_not_kept(told: Told, sender: Sender) -> None:
    sender.send(post(b"x" * (LIMIT + 1)))
    sender.read()
    sender.send(post(b"x" * LIMIT))
    sender.read()

    assert [body for _, _, body in told.asked] == [None, b"x" * LIMIT]


@pytest.mark.parametrize(
    "endless",
    [
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100000000\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: here\r\nX-Long: ",
        b"POST /",
    ],
    ids=["body", "header", "path"],
)
def test_nobody_may_send_for_ever(told: Told, sender: Sender, endless: bytes) -> None:
    sender.send(endless)
    with pytest.raises(OSError):
        sender.send(b"x" * 100_000_000)

    assert told.asked == []


def test_a_stop_waits_for_the_answer_under_way(told: Told) -> None:
    at = bound("127.0.0.1:0")
    server = ReportServer(told, at)  # type: ignore[arg-type]
    server.start()
    busy, idle = Sender(at.getsockname()[1]), Sender(at.getsockname()[1])
    idle.send(post(b"before"))
    idle.read()
    told.may_answer.clear()
    busy.send(post(b"1"))
    while len(told.asked) < 2:
        time.sleep(0.002)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert idle.is_over()
    assert stopping.is_alive()
    assert not told.is_closed

    told.may_answer.set()

    assert b"connection: close" in busy.read()
    stopping.join()
    assert told.is_closed
    for one in (busy.socket, idle.socket, at):
        one.close()
