"""The transport of requests to a PBX, against a PBX of raw sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dispatcher.pbx.connection import LARGEST_HEAD
from dispatcher.pbx.transport import LARGEST_RESPONSE, PbxTransport, SentTooLate, TooLarge
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send, send_and_close, stall

CERTIFICATE = Path(__file__).parent / "yeastar" / "self_signed.pem"
SOON = 0.3

Make = Callable[..., PbxTransport]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[PbxTransport] = []

    def make_one(
        url: str, tls: ssl.SSLContext | None = None, most: int = 8, keep: float = 4.0
    ) -> PbxTransport:
        made.append(PbxTransport(httpx.URL(url), tls, most=most, keep=keep))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


def request(path: str = "/1", timeout: float = SOON) -> httpx.Request:
    timeouts = httpx.Timeout(timeout, connect=2.0).as_dict()
    return httpx.Request(
        "POST", "http://pbx", content=b"{}", extensions={"timeout": timeouts, "target": path.encode()}
    )


def ask(transport: PbxTransport) -> bytes:
    response = transport.handle_request(request())
    try:
        return response.read()
    finally:
        response.close()


def together(transport: PbxTransport, number: int, *, within: float = 5.0) -> dict[int, str]:
    """What comes of so many requests, by place: the body, or the name of the exception."""
    requests = [request(f"/{place}") for place in range(number)]
    found: dict[int, str] = {}
    for done in transport.handle_together(requests, time.monotonic() + within):
        for place, came in done:
            assert place not in found
            found[place] = type(came).__name__ if isinstance(came, Exception) else came.text
    return found


class PathPbx(RawPbx):
    """Behaves by the path of each request, and else answers with it."""

    def __init__(
        self, of_path: dict[bytes, Behaviour] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(stall, tls)
        self._of_path = of_path or {}

    def respond(self, connection: socket.socket, request: bytes) -> None:
        path = request.split(b" ")[1]
        self._of_path.get(path, answer(path))(connection)


def test_many_requests_are_answered_each_on_a_connection_of_its_own(make: Make) -> None:
    with PathPbx() as pbx:
        transport = make(pbx.url)
        assert together(transport, 8) == {place: f"/{place}" for place in range(8)}
        assert pbx.connections == 8
        assert together(transport, 8) == {place: f"/{place}" for place in range(8)}

        assert pbx.connections == 8, "they are kept"
        assert len(pbx.requests) == 16
        request = pbx.requests[0].lower()
    assert b"\r\nhost: 127.0.0.1:" in request
    assert request.count(b"host:") == 1
    assert b"content-length: 2\r\n" in request
    assert request.endswith(b"\r\n\r\n{}")


def test_each_fails_by_itself(make: Make) -> None:
    pbx = PathPbx(
        {
            b"/1": stall,
            b"/2": send_and_close(b""),
            b"/3": reset,
            b"/4": send_and_close(b"?\r\n\r\n"),
            b"/5": send_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            b"/6": answer(b"no", "500 Internal Server Error"),
        }
    )
    with pbx:
        assert together(make(pbx.url), 8) == {
            0: "/0",
            1: "ReadTimeout",
            2: "RemoteProtocolError",
            3: "ReadError",
            4: "RemoteProtocolError",
            5: "RemoteProtocolError",
            6: "no",
            7: "/7",
        }
    assert len(pbx.requests) == 8


def test_answers_are_handed_on_while_others_are_waited_for(make: Make) -> None:
    go_on = threading.Event()

    def late(connection: socket.socket) -> None:
        assert go_on.wait(10)
        answer(b"late")(connection)

    with PathPbx({b"/0": late}) as pbx:
        coming = make(pbx.url).handle_together(
            [request(f"/{place}", 10) for place in range(3)], time.monotonic() + 5
        )
        early: list[int] = []
        while len(early) < 2:
            early += [place for place, _ in next(coming)]
        assert sorted(early) == [1, 2]
        go_on.set()
        [[(place, came)]] = list(coming)

    assert place == 0
    assert isinstance(came, httpx.Response)
    assert came.text == "late"


def test_more_requests_than_connections_take_turns(make: Make) -> None:
    with PathPbx() as pbx:
        assert together(make(pbx.url, most=3), 20) == {place: f"/{place}" for place in range(20)}
        assert pbx.connections == 3


def test_a_pbx_that_takes_no_connection_is_tried_once(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    tried: list[object] = []
    transport = make(url)
    connect = socket.create_connection

    def counted(*args: object, **named: object) -> socket.socket:
        tried.append(args)
        return connect(*args, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_connection", counted)
        assert together(transport, 5) == dict.fromkeys(range(5), "ConnectError")
    assert len(tried) == 1


def test_what_cannot_be_sent_in_time_is_not_sent(make: Make) -> None:
    with PathPbx() as pbx:
        assert together(make(pbx.url), 3, within=-1.0) == dict.fromkeys(range(3), SentTooLate.__name__)
    assert pbx.requests == []


def test_who_stops_to_listen_drops_what_is_unanswered(make: Make) -> None:
    """The answers that nobody waited for are not taken for those of the requests that follow."""
    with PathPbx({b"/0": answer(b"0"), b"/1": stall}) as pbx:
        transport = make(pbx.url)
        coming = transport.handle_together([request("/0", 10), request("/1", 10)], time.monotonic() + 5)
        next(coming)
        coming.close()
        assert together(transport, 1) == {0: "0"}
        pbx._of_path[b"/1"] = answer(b"new")
        assert together(transport, 2) == {0: "0", 1: "new"}


def test_nobody_waits_for_ever_for_a_connection(make: Make) -> None:
    with PathPbx({b"/1": stall}) as pbx:
        transport = make(pbx.url, most=1)
        response = transport.handle_request(request("/0"))
        with pytest.raises(httpx.PoolTimeout):
            ask(transport)
        response.close()
        assert together(transport, 1) == {0: "/0"}


def chunked(*parts: bytes) -> Behaviour:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    return send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("behaviour", "body"),
    [
        (chunked(b"one ", b"two"), b"one two"),
        (send_and_close(b"HTTP/1.1 200 OK\r\n\r\nto the end"), b"to the end"),
        (send_and_close(b"HTTP/1.0 200 OK\r\n\r\nold"), b"old"),
        (
            send(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"),
            b"OK",
        ),
        (send(b"HTTP/1.1 204 No Content\r\n\r\n"), b""),
        (answer(b""), b""),
        (answer(b"x" * 300_000), b"x" * 300_000),
    ],
    ids=["chunks", "close", "old", "hints", "nothing", "empty", "large"],
)
def test_every_form_of_answer(make: Make, behaviour: Behaviour, body: bytes) -> None:
    with RawPbx(behaviour) as pbx:
        transport = make(pbx.url)
        assert ask(transport) == body
        assert ask(transport) == body
        assert together(transport, 2) == dict.fromkeys(range(2), body.decode())


@pytest.mark.parametrize(
    "spoilt",
    [
        answer(b"1", headers=b"Connection: close\r\n"),
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"),
        send(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1"),
    ],
    ids=["close", "more", "old"],
)
def test_a_connection_that_may_not_last_is_not_used_again(make: Make, spoilt: Behaviour) -> None:
    with RawPbx(spoilt) as pbx:
        transport = make(pbx.url)
        assert [ask(transport), ask(transport)] == [b"1", b"1"]
        assert pbx.connections == 2


def test_idle_connections_are_dropped_in_time_and_when_the_pbx_closes_them(make: Make) -> None:
    with PathPbx() as pbx:
        transport = make(pbx.url, keep=0.05)
        ask(transport)
        time.sleep(0.1)
        ask(transport)
        assert pbx.connections == 2
        pbx.close_connections()
        assert ask(transport) == b"/1"
        assert pbx.connections == 3


@pytest.mark.parametrize("is_together", [False, True])
def test_what_is_too_large_is_not_read(make: Make, is_together: bool) -> None:
    with RawPbx(answer(b"x" * (LARGEST_RESPONSE + 1))) as pbx:
        transport = make(pbx.url)
        if is_together:
            assert together(transport, 1) == {0: TooLarge.__name__}
        else:
            with pytest.raises(TooLarge):
                ask(transport)


def test_headers_without_an_end_are_not_read(make: Make) -> None:
    with RawPbx(send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * LARGEST_HEAD)) as pbx:
        with pytest.raises(httpx.RemoteProtocolError):
            ask(make(pbx.url))


def test_a_target_that_is_no_line_of_http_is_not_sent(make: Make) -> None:
    with PathPbx() as pbx:
        with pytest.raises(httpx.LocalProtocolError):
            make(pbx.url).handle_request(request("/a b"))
        with pytest.raises(httpx.LocalProtocolError):
            make(pbx.url).handle_request(request("/a\r\nX-More: b"))
    assert pbx.requests == []


def test_tls_carries_many_requests_as_well(make: Make) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    ours = ssl.create_default_context()
    ours.check_hostname, ours.verify_mode = False, ssl.CERT_NONE
    large = b"x" * 100_000
    with PathPbx({b"/1": answer(large), b"/2": stall}, server) as pbx:
        assert together(make(pbx.url, ours), 4) == {0: "/0", 1: large.decode(), 2: "ReadTimeout", 3: "/3"}
