"""``POST /reports/{pbx}`` and ``POST /`` over real HTTP, as a PBX posts."""

import http.client
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from dispatcher.receiver import ReceiverApp
from dispatcher.receiver.senders import Sender, sender_of
from dispatcher.running import WebServer, address_of, bound
from dispatcher.store.tables import RawReport
from tests.scripted import NUMBER, SERIAL, Office, answered, posted, ringing

Post = Callable[..., tuple[int, bytes]]


def app_of(office: Office, *senders: Sender) -> ReceiverApp:
    drivers = {sender.pbx: office.driver for sender in senders}
    return ReceiverApp(office.core, office.inbox, senders, drivers)


def sender(pbx: str = "hq", serial: str = SERIAL, url: str = "http://127.0.0.1:8088", *more: str) -> Sender:
    return sender_of(pbx, url, serial, more)


class Served:
    """A receiver that listens, and a client."""

    def __init__(self, app: ReceiverApp) -> None:
        listener = bound("127.0.0.1:0")
        self.address = address_of(listener)
        self._server = WebServer(app, listener, "reports")

    def __enter__(self) -> "Served":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def post(
        self, body: Any, path: str = "/reports/hq", method: str = "POST", **headers: str
    ) -> tuple[int, bytes]:
        """One request on a connection of its own; header names with ``_`` for ``-``."""
        connection = http.client.HTTPConnection(urlsplit(f"http://{self.address}").netloc, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            chunked = "Transfer-Encoding" in named
            connection.request(method, path, body, named, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def served(office: Office) -> Iterator[Served]:
    with Served(app_of(office, sender())) as made:
        yield made


def test_a_report_is_answered_200_and_is_durable_then(office: Office, served: Served) -> None:
    status, body = served.post(ringing("1.1"))

    assert (status, body) == (200, b"OK")
    [row] = office.rows(RawReport)
    assert (row.pbx, row.word, row.callid, row.body) == ("hq", "ALERT", "1.1", ringing("1.1").decode())
    assert row.received_at == office.clock()


def test_there_is_no_200_before_the_commit(office: Office, served: Served) -> None:
    """The commit hangs: the PBX waits. It goes through: the PBX is told."""
    at_commit, go_on = threading.Event(), threading.Event()

    def hang(connection: object) -> None:
        at_commit.set()
        assert go_on.wait(timeout=20)

    event.listen(office.core.store.engine, "commit", hang)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(served.post, ringing("1.1"))
        assert at_commit.wait(timeout=20)
        assert not answer.done()
        go_on.set()
        assert answer.result(timeout=20)[0] == 200
    event.remove(office.core.store.engine, "commit", hang)
    assert office.dispositions() == ["foreign"]


def test_a_commit_that_fails_is_answered_503_and_leaves_nothing(office: Office, served: Served) -> None:
    def fail(connection: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    event.listen(office.core.store.engine, "commit", fail)
    status, body = served.post(ringing("1.1"))
    event.remove(office.core.store.engine, "commit", fail)

    assert status == 503
    assert b"send it again" in body
    assert b"server closed" not in body
    assert office.dispositions() == []
    assert served.post(ringing("1.1"))[0] == 200
    assert office.dispositions() == ["foreign"]


@pytest.mark.parametrize(
    ("body", "disposition"),
    [
        (b"", "malformed"),
        (b"not JSON at all", "malformed"),
        (b"\xff\x00\xfe", "malformed"),
        (b'{"action": "Dance", "sn": "369362089179"}', "foreign"),
        (posted("PlayPromptEnd", "1.1"), "orphan"),
        (b'{"action": "PlayPromptEnd", "callid": "1.1", "playtonum": "6500" "count": "3",}', "orphan"),
    ],
)
def test_whatever_comes_from_a_pbx_is_kept_and_answered_200(
    office: Office, served: Served, body: bytes, disposition: str
) -> None:
    assert served.post(body)[0] == 200
    assert office.dispositions() == [disposition]


def test_two_reports_in_one_body_are_kept(office: Office, served: Served) -> None:
    body = ringing("1.1") + b"\r\n" + answered("1.1")

    assert served.post(body)[0] == 200
    [row] = office.rows(RawReport)
    assert row.body == body.decode()


def test_with_one_pbx_a_report_to_the_root_is_its(office: Office, served: Served) -> None:
    assert served.post(ringing("1.1"), "/")[0] == 200
    assert [row.pbx for row in office.rows(RawReport)] == ["hq"]


def test_firmware_that_sends_no_serial_is_believed(office: Office, served: Served) -> None:
    body = ringing("1.1").replace(b'"sn"', b'"other"')

    assert served.post(body)[0] == 200


def refused(office: Office) -> dict[str, float]:
    """``dispatcher_reports_refused_total`` by reason, since the last time."""
    found = {}
    for (name, labels), value in office.core.counts.take().items():
        if name == "dispatcher_reports_refused_total":
            found[labels.strip('[]"')] = value
    return found


@pytest.mark.parametrize(
    ("body", "path", "why"),
    [
        (ringing("1.1"), "/reports/branch", "path"),
        (ringing("1.1"), "/reports/", "path"),
        (ringing("1.1"), "/reports/hq/more", "path"),
        (ringing("1.1").replace(SERIAL.encode(), b"666"), "/reports/hq", "serial"),
        (ringing("1.1").replace(SERIAL.encode(), b"666"), "/", "serial"),
    ],
)
def test_what_no_configured_pbx_can_have_sent_is_refused_and_counted(
    office: Office, served: Served, body: bytes, path: str, why: str
) -> None:
    assert served.post(body, path)[0] == 403
    assert office.dispositions() == []
    assert refused(office) == {why: 1}


def test_another_address_is_refused_whatever_headers_it_sends(office: Office) -> None:
    """The PBX lives elsewhere, so this machine may not post for it, nor claim to be it."""
    with Served(app_of(office, sender(url="http://192.0.2.7"))) as served:
        assert served.post(ringing("1.1"))[0] == 403
        assert served.post(ringing("1.1"), X_Forwarded_For="192.0.2.7")[0] == 403
        assert served.post(ringing("1.1"), Forwarded="for=192.0.2.7", X_Real_IP="192.0.2.7")[0] == 403

    assert office.dispositions() == []
    assert refused(office) == {"address": 3}


def test_a_forwarded_header_does_not_make_a_pbx_another(office: Office, served: Served) -> None:
    assert served.post(ringing("1.1"), X_Forwarded_For="192.0.2.7")[0] == 200


def test_further_sources_may_be_configured(office: Office) -> None:
    with Served(app_of(office, sender("hq", SERIAL, "http://192.0.2.7", "127.0.0.0/8"))) as served:
        assert served.post(ringing("1.1"))[0] == 200


def test_of_several_pbxs_the_serial_says_which(office: Office) -> None:
    senders = (sender("hq", "369362089179"), sender("branch", "369362089180"))
    with Served(app_of(office, *senders)) as served:
        assert served.post(ringing("1.1"), "/")[0] == 200
        assert served.post(ringing("1.2").replace(b"089179", b"089180"), "/")[0] == 200
        assert served.post(ringing("1.3").replace(b"089179", b"089181"), "/")[0] == 403
        assert served.post(ringing("1.4").replace(b'"sn"', b'"other"'), "/")[0] == 403
        assert served.post(ringing("1.5").replace(b'"sn"', b'"other"'), "/reports/branch")[0] == 200

    found = [(row.callid, row.pbx) for row in office.rows(RawReport)]
    assert sorted(found) == [("1.1", "hq"), ("1.2", "branch"), ("1.5", "branch")]


def test_a_body_has_a_limit(office: Office, served: Served) -> None:
    limit = office.core.settings.reports.max_body_bytes

    assert served.post(b" " * limit)[0] == 200
    assert served.post(b" " * (limit + 1))[0] == 413
    assert served.post(iter([b" " * limit, b" "]), Transfer_Encoding="chunked")[0] == 413
    assert len(office.rows(RawReport)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_reports_are_posted_and_nothing_else(office: Office, served: Served, method: str) -> None:
    assert served.post(b"", method=method)[0] == 405


def test_other_paths_are_not_found_and_health_is(office: Office, served: Served) -> None:
    assert served.post(b"{}", "/metrics")[0] == 404
    assert served.post(None, "/healthz", "GET")[0] == 200
    assert office.dispositions() == []


def test_one_connection_carries_many_reports_and_chunks(office: Office, served: Served) -> None:
    connection = http.client.HTTPConnection(served.address, timeout=20)
    for number in range(5):
        connection.request("POST", "/reports/hq", ringing(f"1.{number}"))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"OK")
    body = ringing("1.9")
    pieces = iter([body[:10], body[10:50], body[50:]])
    connection.request("POST", "/reports/hq", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()

    assert [row.callid for row in office.rows(RawReport)] == [*(f"1.{n}" for n in range(5)), "1.9"]


def test_a_sender_that_leaves_in_the_middle_of_a_body_harms_nobody(office: Office, served: Served) -> None:
    connection = http.client.HTTPConnection(served.address, timeout=20)
    connection.putrequest("POST", "/reports/hq")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"action": "ALERT"')
    connection.close()

    assert served.post(ringing("1.1"))[0] == 200
    assert len(office.rows(RawReport)) == 1


def test_reports_that_come_together_are_committed_together(office: Office, served: Served) -> None:
    """While one commit hangs, forty reports gather; they go with the next few commits."""
    commits, first, go_on = [0], threading.Event(), threading.Event()

    def hang_at_first(connection: object) -> None:
        commits[0] += 1
        if commits[0] == 1:
            first.set()
            assert go_on.wait(timeout=20)

    event.listen(office.core.store.engine, "commit", hang_at_first)
    with ThreadPoolExecutor(41) as pool:
        answers = [pool.submit(served.post, ringing("1.0"))]
        assert first.wait(timeout=20)
        answers += [pool.submit(served.post, ringing(f"1.{number}")) for number in range(1, 41)]
        until_gathered(served, 40)
        go_on.set()
        statuses = [answer.result(timeout=20)[0] for answer in answers]
    event.remove(office.core.store.engine, "commit", hang_at_first)

    assert statuses == [200] * 41
    assert len(office.rows(RawReport)) == 41
    assert commits[0] == 2


def until_gathered(served: Served, number: int) -> None:
    """Wait until so many reports stand behind the commit that hangs."""
    batcher = served._server._server.config.app._batcher  # type: ignore[union-attr]
    tick = threading.Event()
    for _ in range(2000):
        if len(batcher._gathered) >= number:
            return
        tick.wait(0.01)
    pytest.fail("the reports never gathered")


def test_a_report_over_http_reaches_its_call(office: Office, served: Served) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()

    assert served.post(ringing("1543289641.1"))[0] == 200

    assert office.attempt(attempt).ringing_at == office.clock()
