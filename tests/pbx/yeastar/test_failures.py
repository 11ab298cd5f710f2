"""How a request fails says whether the PBX can have placed the call; and it is sent once in every case."""

import socket
import threading
import time

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.http import LARGEST_RESPONSE
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import Behaviour, RawPbx, answer, reset, send, send_and_close, stall
from tests.pbx.yeastar.conftest import ORDER, SESSION, MakeDriver

CALLID = b'{"status":"Success","callid":"1.2"}'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def trickle(connection: socket.socket) -> None:
    """An answer that comes a byte at a time, each well within the time-out."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param(stall, Reason.TIMED_OUT, id="no answer"),
        pytest.param(send(b"HTTP/1.1 200 OK\r\nContent-Le"), Reason.TIMED_OUT, id="half a head"),
        pytest.param(
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + CALLID),
            Reason.TIMED_OUT,
            id="half a body",
        ),
        pytest.param(trickle, Reason.TIMED_OUT, id="a body that trickles"),
        pytest.param(send_and_close(b""), Reason.CONNECTION_LOST, id="a cut after the request"),
        pytest.param(reset, Reason.CONNECTION_LOST, id="a reset after the request"),
        pytest.param(send_and_close(b"HTTP/1.1 200 O"), Reason.CONNECTION_LOST, id="a cut in the head"),
        pytest.param(
            send_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + CALLID),
            Reason.CONNECTION_LOST,
            id="a cut in the body",
        ),
        pytest.param(send_and_close(b"Login Success\r\n\r\n"), Reason.CONNECTION_LOST, id="not HTTP"),
        pytest.param(answer(CALLID, "500 Internal Server Error"), Reason.HTTP_ERROR, id="500"),
        pytest.param(answer(b"<html>", "502 Bad Gateway"), Reason.HTTP_ERROR, id="502"),
        pytest.param(answer(b"", "503 Service Unavailable"), Reason.HTTP_ERROR, id="503"),
        pytest.param(answer(b"", "504 Gateway Timeout"), Reason.HTTP_ERROR, id="504"),
        pytest.param(answer(b"", "408 Request Timeout"), Reason.HTTP_ERROR, id="408"),
        pytest.param(answer(CALLID, "202 Accepted"), Reason.HTTP_ERROR, id="202"),
        pytest.param(answer(b"not JSON"), Reason.RESPONSE_UNREADABLE, id="not JSON"),
        pytest.param(
            answer(b"not gzip", headers=b"Content-Encoding: gzip\r\n"),
            Reason.RESPONSE_UNREADABLE,
            id="a broken encoding",
        ),
        pytest.param(answer(b" " * (LARGEST_RESPONSE + 1)), Reason.RESPONSE_UNREADABLE, id="far too large"),
    ],
)
def test_sent_and_not_answered_is_in_doubt(
    driver_for: MakeDriver, observed: Observed, behaviour: Behaviour, reason: Reason
) -> None:
    with RawPbx(behaviour) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url, timeout_seconds=0.4).dial(SESSION, ORDER)

    assert doubt.value.reason is reason
    assert len(pbx.requests) == 1
    assert observed == [("dial", "in_doubt")]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("301 Moved Permanently", Reason.PBX_AWAY),
        ("307 Temporary Redirect", Reason.PBX_AWAY),
        ("400 Bad Request", Reason.BAD_REQUEST),
        ("401 Unauthorized", Reason.PBX_AWAY),
        ("403 Forbidden", Reason.PBX_AWAY),
        ("404 Not Found", Reason.PBX_AWAY),
        ("429 Too Many Requests", Reason.TOO_FREQUENT),
    ],
)
def test_turned_away_before_the_api_is_refused(
    driver_for: MakeDriver, observed: Observed, status: str, reason: Reason
) -> None:
    with RawPbx(answer(CALLID, status, b"Location: http://127.0.0.1:1/x\r\n")) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, ORDER)

    assert refusal.value.reason is reason
    assert len(pbx.requests) == 1
    assert observed == [("dial", "refused")]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connection_refused(driver_for: MakeDriver, observed: Observed, scheme: str) -> None:
    with pytest.raises(PbxRefused) as refusal:
        driver_for(f"{scheme}://127.0.0.1:{free_port()}").dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_AWAY
    assert observed == [("dial", "refused")]


def test_no_such_host(driver_for: MakeDriver) -> None:
    with pytest.raises(PbxRefused) as refusal:
        driver_for("http://no-such-pbx.invalid").dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_AWAY


def test_no_connection_within_the_time_out(driver_for: MakeDriver) -> None:
    """A listener whose queue is full: further connections are neither accepted nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            waiting.append(filler)
        with pytest.raises(PbxRefused) as refusal:
            driver_for(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.3).dial(
                SESSION, ORDER
            )
        for filler in waiting:
            filler.close()

    assert refusal.value.reason is Reason.PBX_AWAY


def test_tls_where_there_is_none(driver_for: MakeDriver) -> None:
    with RawPbx(stall) as pbx:
        pbx_url = pbx.url.replace("http:", "https:")
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx_url, timeout_seconds=0.3).dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_AWAY
    assert pbx.requests == []


def test_a_url_of_another_kind(driver_for: MakeDriver) -> None:
    with pytest.raises(PbxRefused) as refusal:
        driver_for("ftp://127.0.0.1").dial(SESSION, ORDER)

    assert refusal.value.reason is Reason.PBX_CONFIG


def test_a_closed_driver_sends_nothing(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        driver.close()
        with pytest.raises(PbxRefused):
            driver.dial(SESSION, ORDER)

    assert pbx.requests == []


def test_an_environment_proxy_is_not_used(driver_for: MakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with RawPbx(answer(CALLID)) as pbx:
        assert driver_for(pbx.url).dial(SESSION, ORDER).callid == "1.2"


def test_connections_are_kept(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        for _ in range(3):
            driver.dial(SESSION, ORDER)

    assert (len(pbx.requests), pbx.connections) == (3, 1)


def test_an_idle_connection_that_the_pbx_closed_is_not_used(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        driver.dial(SESSION, ORDER)
        pbx.close_connections()
        time.sleep(0.05)
        driver.dial(SESSION, ORDER)

    assert (len(pbx.requests), pbx.connections) == (2, 2)


def test_a_kept_connection_that_dies_under_a_request_is_in_doubt(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        driver.dial(SESSION, ORDER)
        pbx.behaviour = send_and_close(b"")
        with pytest.raises(PbxInDoubt):
            driver.dial(SESSION, ORDER)

    assert (len(pbx.requests), pbx.connections) == (2, 1)


def test_one_connection_for_each_answer_of_an_embedded_server(driver_for: MakeDriver) -> None:
    """The server of the K2 manual's samples closes every connection after its answer."""
    head = b"HTTP/1.1 200 OK\r\nServer: Boa/0.94.14rc21\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n"
    with RawPbx(send_and_close(head + CALLID)) as pbx:
        driver = driver_for(pbx.url)
        assert [driver.dial(SESSION, ORDER).callid for _ in range(3)] == ["1.2"] * 3

    assert (len(pbx.requests), pbx.connections) == (3, 3)


def test_many_threads_dial_at_once_and_each_call_is_sent_once(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CALLID)) as pbx:
        driver = driver_for(pbx.url)
        threads = [
            threading.Thread(target=lambda: [driver.dial(SESSION, ORDER).callid for _ in range(10)])
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(pbx.requests) == 160
    assert pbx.connections <= 16
