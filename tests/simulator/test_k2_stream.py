"""The TCP push of the simulated K2: the login block, and events in any pieces."""

import contextlib
import json
import socket
import threading
import time

import pytest

from dispatcher.simulator import Fault, StreamSettings

LOGIN = "Action: login\r\nUsername: {name}\r\nSecret: {secret}\r\nVersion: {version}\r\n\r\n"


class Client:
    """An application that fetches events."""

    def __init__(self, pbx, *, secret="password", name="api", version="2.0.0", block=LOGIN):
        self.heard = b""
        self.pieces = 0
        self.closed = threading.Event()
        self.socket = socket.create_connection(("127.0.0.1", pbx.report_port), timeout=5)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if block:
            text = block.format(name=name, secret=secret, version=version)
            self.socket.sendall(text.encode())

    def _read(self):
        try:
            while data := self.socket.recv(65536):
                self.heard += data
                self.pieces += 1
        except OSError:
            pass
        self.closed.set()

    def wait(self, condition, timeout=20.0):
        deadline = time.monotonic() + timeout
        while not condition(self):
            assert time.monotonic() < deadline, f"only this was heard: {self.heard!r}"
            time.sleep(0.005)

    def logged_in(self):
        self.wait(lambda client: client.heard.startswith(b"Login Success\r\n"))
        return self

    @property
    def events(self):
        text = self.heard.decode().partition("\r\n")[2]
        found, decoder, at = [], json.JSONDecoder(), text.find("{")
        while at >= 0:
            event, at = decoder.raw_decode(text, at)
            found.append(event)
            at = text.find("{", at)
        return found

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.socket.close()


@pytest.fixture
def connect():
    clients = []

    def _connect(pbx, **how):
        clients.append(Client(pbx, **how))
        return clients[-1]

    yield _connect
    for client in clients:
        client.close()


@pytest.fixture
def start_tcp(start_k2):
    def _start(**changes):
        rig = start_k2(**({"report_transport": "tcp", "login": False} | changes))
        rig.client.login("")
        return rig

    return _start


def words(client):
    return [event["event"] for event in client.events]


STORY = ["CallStatus", "CallStatus", "PlayPromptEnd", "DTMF", "CallStatus", "NewCdr"]


@pytest.mark.parametrize("separator", ["none", "lf", "crlf", "random"])
@pytest.mark.parametrize("chunked", [False, True])
def test_events_come_in_any_framing(start_tcp, sink, separator, chunked, connect):
    rig = start_tcp(stream=StreamSettings(separator, chunked=chunked, seed=7))
    client = connect(rig.pbx).logged_in()
    rig.call("31600000001")
    client.wait(lambda c: c.heard.rstrip().endswith(b"}") and words(c) == STORY)
    assert client.pieces > 1 or not chunked
    assert sink.raw == []


@pytest.mark.parametrize(
    "block",
    [
        "Action: login\nUser name: {name}\nSecret: {secret}\nVersion: {version}\n",
        "action:login\r\nusername:{name}\r\nsecret:{secret}\r\nversion:{version}\r\n",
    ],
)
def test_the_login_block_is_read_with_any_line_end(start_tcp, block, connect):
    connect(start_tcp().pbx, block=block).logged_in()


def test_who_asks_for_no_version_gets_the_old_format(start_tcp, connect):
    rig = start_tcp()
    block = "Action: login\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n"
    client = connect(rig.pbx, block=block).logged_in()
    rig.call("31600000486")
    client.wait(lambda c: len(c.events) == 2)
    assert [event["action"] for event in client.events] == ["CallFailed", "NewCdr"]


def test_a_wrong_secret_is_refused_and_locks_the_address(start_tcp, connect):
    rig = start_tcp()
    for _ in range(5):
        client = connect(rig.pbx, secret="guessed")
        assert client.closed.wait(20)
        assert client.heard == b"Login Failed\r\n"
    client = connect(rig.pbx)
    assert client.closed.wait(20)
    assert rig.client.login("")["errno"] == "20002"


def test_who_does_not_log_in_is_dropped(start_tcp, connect):
    rig = start_tcp(stream=StreamSettings(login_seconds=0.1))
    client = connect(rig.pbx, block="")
    assert client.closed.wait(20)
    assert client.heard == b""


def test_what_happens_while_nobody_is_there_is_lost(start_tcp, connect):
    rig = start_tcp()
    rig.call("31600000486")
    client = connect(rig.pbx).logged_in()
    rig.call("31600000404")
    client.wait(lambda c: len(c.events) == 2)
    assert client.events[0]["reason"] == "404 NOT found"
    assert rig.pbx.judge.reports()["dropped"] == 2


def test_the_connection_can_be_cut_and_silenced(start_tcp, connect):
    rig = start_tcp()
    client = connect(rig.pbx).logged_in()
    rig.pbx.page("stream", {"silent": True})
    rig.call("31600000486")
    rig.pbx.page("stream", {"silent": False})
    rig.call("31600000404")
    client.wait(lambda c: len(c.events) == 2)
    assert client.events[0]["reason"] == "404 NOT found"
    assert rig.control("stream", {"drop": True}).status_code == 200
    assert client.closed.wait(20)
    with pytest.raises(KeyError):
        rig.pbx.page("nothing", {})


def test_a_restart_closes_the_port_and_tells_who_comes_back(start_tcp, connect):
    rig = start_tcp()
    client = connect(rig.pbx).logged_in()
    rig.pbx.restart(1.0, boot_up=True)
    assert client.closed.wait(20)
    time.sleep(0.1)
    with pytest.raises(OSError):
        connect(rig.pbx)
    time.sleep(1.5)
    again = connect(rig.pbx).logged_in()
    again.wait(lambda c: len(c.events) == 1)
    assert again.events == [{"event": "BootUp", "sn": "369362089179"}]


def test_two_applications_hear_the_same(start_tcp, connect):
    rig = start_tcp()
    one, two = connect(rig.pbx).logged_in(), connect(rig.pbx).logged_in()
    rig.call("31600000486")
    for client in (one, two):
        client.wait(lambda c: len(c.events) == 2)
    assert one.events == two.events


def test_faults_of_reports_go_over_the_stream_as_well(start_tcp, connect):
    rig = start_tcp()
    client = connect(rig.pbx).logged_in()
    rig.pbx.arm(Fault.DUPLICATE_REPORT)
    rig.call("31600000486")
    client.wait(lambda c: len(c.events) == 3)
    assert words(client) == ["CallFailed", "CallFailed", "NewCdr"]


def test_a_pbx_that_posts_has_no_stream(start_k2):
    rig = start_k2()
    assert rig.pbx.report_port == 0
    assert rig.control("stream", {"drop": True}).status_code == 409
