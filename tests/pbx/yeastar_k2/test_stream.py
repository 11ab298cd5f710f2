"""Events over TCP: the login at the event port, reading, and every way in which the stream ends."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import PbxAccount
from dispatcher.pbx.yeastar_k2 import stream as module
from dispatcher.pbx.yeastar_k2.stream import EventStream, open_stream
from tests.pbx.drivers import PASSWORD, Observed
from tests.pbx.raw_pbx import RawServer
from tests.pbx.yeastar_k2.conftest import MakeDriver, account

LOGIN = b"Action: login\r\nUsername: api\r\nSecret: correct horse\r\nVersion: 2.0.0\r\n\r\n"
BOOT = b'{"event": "BootUp", "sn": "369451090405"}'
CDR = '{"event": "NewCdr", "callid": "1.2", "callto": "061234567", "srctrunkname": "トランク"}'.encode()

Serve = Callable[[socket.socket], None]


class EventPort(RawServer):
    """The event port of a PBX: takes one login after the other, and then does as a test says."""

    def __init__(self, serve: Serve, welcome: bytes = b"Login Success\r\n\r\n") -> None:
        super().__init__()
        self.logins: list[bytes] = []
        self._serve = serve
        self._welcome = welcome

    def account(self, **changed: Any) -> PbxAccount:
        settings = {"report_transport": "tcp", "report_port": self.port, "timeout_seconds": 2.0}
        return account("https://127.0.0.1:8088", **(settings | changed))

    def taken(self, connection: socket.socket) -> None:
        """Hear its login, welcome it, and serve it."""
        self.logins.append(self._heard(connection))
        connection.sendall(self._welcome)
        self._serve(connection)

    @staticmethod
    def _heard(connection: socket.socket) -> bytes:
        heard = b""
        while not heard.endswith(b"\r\n\r\n"):
            heard += connection.recv(1024)
        return heard


def silent(connection: socket.socket) -> None:
    """Nothing more is said; the connection stays open."""


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    time.sleep(0.1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def says(*chunks: bytes, pause: float = 0.02) -> Serve:
    def serve(connection: socket.socket) -> None:
        for chunk in chunks:
            connection.sendall(chunk)
            time.sleep(pause)

    return serve


@pytest.fixture
def opened() -> Iterator[Callable[[EventPort], EventStream]]:
    """Opens streams, and closes them after the test."""
    streams: list[EventStream] = []

    def make(port: EventPort) -> EventStream:
        streams.append(open_stream(port.account()))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


Opened = Callable[[EventPort], EventStream]


def everything(stream: EventStream, count: int) -> list[bytes]:
    """The first so many bodies."""
    found: list[bytes] = []
    until = time.monotonic() + 5
    while len(found) < count and time.monotonic() < until:
        found += stream.read().bodies
    return found


# The login.


def test_the_login_is_four_lines_with_the_plain_password(opened: Opened) -> None:
    with EventPort(silent) as port:
        opened(port)
    assert port.logins == [LOGIN]


@pytest.mark.parametrize(
    "welcome",
    [
        b"Login Success",
        b"Login Success\r\n",
        b"login success\n",
        b"Login Successful.\r\n\r\n",
        b"Asterisk Call Manager/1.1\r\nResponse: Success\r\nMessage: Authentication accepted\r\n\r\n",
        b"\x00\r\nLogin Success\x00",
        b"",
        b'{"status": "Success"}',
    ],
)
def test_a_login_that_is_taken(opened: Opened, welcome: bytes) -> None:
    """However the answer ends, and even if an event stands in its place."""
    with EventPort(says(BOOT, CDR), welcome) as port:
        bodies = everything(opened(port), 2)
    assert [body for body in bodies if b"event" in body][:2] == [BOOT, CDR]


def test_an_answer_in_pieces_with_an_event_behind_it(opened: Opened) -> None:
    with EventPort(says(b"in Suc", b"cess\r\n" + BOOT[:9], BOOT[9:]), b"Log") as port:
        assert everything(opened(port), 1) == [BOOT]


@pytest.mark.parametrize(
    ("welcome", "reason"),
    [
        (b"Login Failed\r\n\r\n", Reason.CREDENTIALS_REFUSED),
        (b"Login Error", Reason.CREDENTIALS_REFUSED),
        (b"login unsuccessful\r\n", Reason.CREDENTIALS_REFUSED),
        (b"Response: Error\r\nMessage: Authentication failed\r\n\r\n", Reason.CREDENTIALS_REFUSED),
        (b"Invalid username or password: correct horse\n", Reason.CREDENTIALS_REFUSED),
        (b'{"status": "Failed", "errno": "20003"}', Reason.CREDENTIALS_REFUSED),
        (b'{"status": "Failed"}', Reason.CREDENTIALS_REFUSED),
        (b'{"status": "Failed", "errno": "20002"}', Reason.LOCKED_OUT),
        (b"Login Failed: IP locked\r\n", Reason.LOCKED_OUT),
        (b'{"status": "Failed", "errno": "30003"}', Reason.PBX_FAULT),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 5000, Reason.PBX_AWAY),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.PBX_AWAY),
        (b'{"status": "Perhaps"}', Reason.PBX_AWAY),
        (b"{}", Reason.PBX_AWAY),
        (b"", Reason.PBX_AWAY),
    ],
)
def test_a_login_that_is_refused(welcome: bytes, reason: Reason) -> None:
    with EventPort(hang_up, welcome) as port:
        with pytest.raises(PbxRefused) as refusal:
            open_stream(port.account())

    assert refusal.value.reason is reason
    assert PASSWORD not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    assert len(port.logins) == 1


def test_a_login_without_an_answer() -> None:
    with EventPort(silent, b"") as port:
        with pytest.raises(PbxRefused) as refusal:
            open_stream(port.account(timeout_seconds=0.3))

    assert refusal.value.reason is Reason.PBX_AWAY
    assert "no answer to the login" in refusal.value.detail


def test_an_answer_that_trickles_in_is_not_waited_for_without_end() -> None:
    with EventPort(says(*[b"."] * 600, pause=0.05), b"") as port:
        started = time.monotonic()
        with pytest.raises(PbxRefused):
            open_stream(port.account(timeout_seconds=0.4))

    assert time.monotonic() - started < 15


def test_nobody_at_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with pytest.raises(PbxRefused) as refusal:
        open_stream(account("http://127.0.0.1", report_port=free))

    assert refusal.value.reason is Reason.PBX_AWAY
    assert str(free) in refusal.value.detail


@pytest.mark.parametrize("changed", [{"password": "a\r\nAction: b"}, {"username": "a\nb"}])
def test_no_line_can_be_smuggled_into_the_login(changed: dict[str, str]) -> None:
    with EventPort(silent) as port:
        with pytest.raises(PbxRefused) as refusal:
            open_stream(port.account(**changed))

    assert refusal.value.reason is Reason.PBX_CONFIG
    assert "Action" not in str(refusal.value)
    assert port.logins == []


# Reading.


def test_the_first_look_says_that_events_may_be_missed_and_no_other(opened: Opened) -> None:
    with EventPort(says(BOOT)) as port:
        stream = opened(port)
        first = stream.read()
        bodies = list(first.bodies) or list(stream.read().bodies)

    assert (first.missed, bodies) == (True, [BOOT])


def test_events_come_as_they_were_sent(opened: Opened) -> None:
    parts = [CDR[:70], CDR[70:75], CDR[75:] + b"\r\n" + BOOT + b"\r\nEvent: nonsense\r\n" + BOOT]
    with EventPort(says(*parts)) as port:
        assert everything(opened(port), 3) == [CDR, BOOT, BOOT]


def test_a_look_without_events_ends_after_a_while(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.1)
    with EventPort(silent) as port:
        stream = opened(port)
        stream.read()
        looks = [stream.read() for _ in range(3)]

    assert {(look.bodies, look.missed, look.position) for look in looks} == {((), False, "")}


def test_a_silence_that_is_too_long_is_suspect(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    with EventPort(silent) as port:
        stream = opened(port)
        with pytest.raises(PbxRefused, match="no event for"):
            everything(stream, 1)


def test_an_event_that_gets_no_further_is_given_up(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    monkeypatch.setattr(module, "CUT_OFF_SECONDS", 0.2)
    with EventPort(says(BOOT[:-4], b"", b"", b"", b"", CDR, pause=0.2)) as port:
        assert everything(opened(port), 2) == [BOOT[:-4], CDR]


@pytest.mark.parametrize("end", [hang_up, reset], ids=["closed", "reset"])
def test_a_stream_that_breaks_off(opened: Opened, end: Serve) -> None:
    with EventPort(end) as port:
        stream = opened(port)
        stream.read()
        with pytest.raises(PbxRefused) as broken:
            stream.read()

    assert broken.value.reason is Reason.PBX_AWAY


def test_closing_ends_a_read_that_waits(opened: Opened) -> None:
    with EventPort(silent) as port:
        stream = opened(port)
        stream.read()
        closing = threading.Timer(0.1, stream.close)
        closing.start()
        with pytest.raises(PbxRefused):
            stream.read()
        closing.join()
        with pytest.raises(PbxRefused):
            stream.read()
        stream.close()


def test_a_dead_line_is_noticed_by_keep_alives(opened: Opened) -> None:
    with EventPort(silent) as port:
        connection = opened(port)._connection
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


# Through the driver.


def test_the_driver_opens_the_stream(driver_for: MakeDriver, observed: Observed) -> None:
    with EventPort(says(BOOT)) as port:
        ours = port.account()
        driver = driver_for(ours.url, report_transport="tcp", report_port=ours.report_port)
        assert driver.pulls_reports
        stream = driver.open_reports("")
        bodies = [*stream.read().bodies] or [*stream.read().bodies]
        stream.close()

    assert [report.word for body in bodies for report in driver.parse(body)] == ["BootUp"]
    assert observed == [("listen", "ok")]


def test_a_refused_stream_is_counted(driver_for: MakeDriver, observed: Observed) -> None:
    with EventPort(silent, b"Login Failed") as port:
        ours = port.account()
        driver = driver_for(ours.url, report_transport="tcp", report_port=ours.report_port)
        with pytest.raises(PbxRefused):
            driver.open_reports("")

    assert observed == [("listen", "refused")]


def test_posted_reports_are_not_pulled(driver_for: MakeDriver) -> None:
    assert not driver_for("http://127.0.0.1:1").pulls_reports
