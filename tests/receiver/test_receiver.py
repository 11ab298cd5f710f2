"""``POST /reports/{pbx}`` and ``POST /`` over real HTTP, as a PBX posts."""

import base64
import hashlib
import hmac
import http.client
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from dispatcher.pbx.protocol import Driver
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_p import YeastarP
from dispatcher.pbx.yeastar_s import YeastarS
from dispatcher.receiver import Receiver, ReportServer
from dispatcher.receiver.senders import Sender, sender_of
from dispatcher.runtime.running import address_of, bound
from dispatcher.store.engine import Store
from dispatcher.store.tables import RawReport
from tests.scripted import NUMBER, SERIAL, Office, account_of, answered, posted, ringing

Post = Callable[..., tuple[int, bytes]]


def app_of(office: Office, *senders: Sender) -> Receiver:
    drivers = {sender.pbx: office.driver for sender in senders}
    return Receiver(office.core, office.inbox, senders, drivers)


def sender(pbx: str = "hq", serial: str = SERIAL, url: str = "http://127.0.0.1:8088", *more: str) -> Sender:
    return sender_of(pbx, url, serial, more)


class Served:
    """A receiver that listens, and a client."""

    def __init__(self, app: Receiver) -> None:
        listener = bound("127.0.0.1:0")
        self.address = address_of(listener)
        self._server = ReportServer(app, listener)

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


def entered(office: Office) -> list[Any]:
    """The raw reports, once everything that is durable has been entered."""
    for _ in range(2000):
        if not office.waiting():
            return office.rows(RawReport)
        time.sleep(0.005)
    pytest.fail("the reports were never entered")


def test_a_report_is_answered_200_and_is_durable_then(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before it has entered the report: another finds it."""
    enter = office.inbox.enter
    monkeypatch.setattr(office.inbox, "enter", lambda arrived: None)
    with Served(app_of(office, sender())) as served:
        assert served.post(ringing("1.1")) == (200, b"OK")
    assert office.rows(RawReport) == []
    posted_at = office.clock()

    monkeypatch.setattr(office.inbox, "enter", enter)
    assert office.inbox.enter_left(timedelta(seconds=5)) == 0, "its process may still enter it"
    office.clock.move(seconds=6)
    assert office.inbox.enter_left(timedelta(seconds=5)) == 1

    [row] = entered(office)
    assert (row.pbx, row.word, row.callid, row.body) == ("hq", "ALERT", "1.1", ringing("1.1").decode())
    assert row.received_at == posted_at


@contextmanager
def as_reports_become_durable(store: Store, do: Callable[[], None]) -> Iterator[None]:
    """Have something done at the commit that makes a report durable: on PostgreSQL that is a statement."""
    name = "commit" if store.is_sqlite else "before_cursor_execute"

    def listen(*_: object) -> None:
        do()

    event.listen(store.engine, name, listen)
    try:
        yield
    finally:
        event.remove(store.engine, name, listen)


def test_there_is_no_200_before_the_commit(office: Office, served: Served) -> None:
    """The commit hangs: the PBX waits. It goes through: the PBX is told."""
    at_commit, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        at_commit.set()
        assert go_on.wait(timeout=20)

    with as_reports_become_durable(office.core.arrivals.store, hang), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(served.post, ringing("1.1"))
        assert at_commit.wait(timeout=20)
        assert not answer.done()
        go_on.set()
        assert answer.result(timeout=20)[0] == 200
    entered(office)
    assert office.dispositions() == ["foreign"]


def test_a_commit_that_fails_is_answered_503_and_leaves_nothing(office: Office, served: Served) -> None:
    def fail() -> None:
        raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    with as_reports_become_durable(office.core.arrivals.store, fail):
        status, body = served.post(ringing("1.1"))

    assert status == 503
    assert b"send it again" in body
    assert b"server closed" not in body
    assert entered(office) == []
    assert served.post(ringing("1.1"))[0] == 200
    entered(office)
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
    entered(office)
    assert office.dispositions() == [disposition]


def test_two_reports_in_one_body_are_kept(office: Office, served: Served) -> None:
    body = ringing("1.1") + b"\r\n" + answered("1.1")

    assert served.post(body)[0] == 200
    [row] = entered(office)
    assert row.body == body.decode()


def test_with_one_pbx_a_report_to_the_root_is_its(office: Office, served: Served) -> None:
    assert served.post(ringing("1.1"), "/")[0] == 200
    assert [row.pbx for row in entered(office)] == ["hq"]


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

    found = [(row.callid, row.pbx) for row in entered(office)]
    assert sorted(found) == [("1.1", "hq"), ("1.2", "branch"), ("1.5", "branch")]


@pytest.mark.parametrize("order", [("hq", "branch"), ("branch", "hq")])
@pytest.mark.parametrize("hq_serial", ["111", ""])
def test_two_families_behind_one_address_are_told_apart(
    office: Office, order: tuple[str, str], hq_serial: str
) -> None:
    account = account_of(office.core.settings.pbx[0])
    drivers: dict[str, Driver] = {
        "hq": YeastarS(account, lambda *_: None),
        "branch": YeastarK2(account, lambda *_: None),
    }
    serials = {"hq": hq_serial, "branch": "222"}
    app = Receiver(office.core, office.inbox, [sender(name, serials[name]) for name in order], drivers)
    with Served(app) as served:
        assert served.post(ringing("1.1").replace(SERIAL.encode(), b"111"), "/")[0] == 200
        assert served.post(b'{"event":"CallStatus","callid":"1.2","sn":"222","members":[]}', "/")[0] == 200
        assert served.post(b'{"event":"CallStatus","callid":"1.3","members":[]}', "/")[0] == 403

    found = [(row.callid, row.pbx) for row in entered(office)]
    assert sorted(found) == [("1.1", "hq"), ("1.2", "branch")]


SECRET = "qD0xSV2wqkMcd8oW7QTgVmRz1LpY5bHs"


def signature(body: bytes, secret: str = SECRET) -> str:
    """As the guide says it: the base64 of the HMAC-SHA256 of the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def signing_app(office: Office, *others: Sender) -> Receiver:
    """A receiver whose ``hq`` signs what it posts, and perhaps others that do not."""
    account = account_of(office.core.settings.pbx[0])
    signing = YeastarP(replace(account, family="yeastar-p", webhook_secret=SECRET), lambda *_: None)
    drivers: dict[str, Driver] = {"hq": signing, **{other.pbx: office.driver for other in others}}
    return Receiver(office.core, office.inbox, [sender(), *others], drivers)


SIGNED = f'{{"type":30012,"sn":"{SERIAL}","msg":"{{\\"call_id\\":\\"1.1\\"}}"}}'.encode()


def test_a_report_with_the_right_signature_is_taken(office: Office) -> None:
    with Served(signing_app(office)) as served:
        assert served.post(SIGNED, X_Signature=signature(SIGNED)) == (200, b"OK")
    assert [row.callid for row in entered(office)] == ["1.1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Signature": ""},
        {"X_Signature": signature(SIGNED + b" ")},
        {"X_Signature": signature(SIGNED, "another secret")},
        {"X_Signature": signature(SIGNED, "")},
        {"X_Signature": signature(SIGNED)[:-1]},
        {"Signature": signature(SIGNED)},
    ],
)
@pytest.mark.parametrize("path", ["/", "/reports/hq"])
def test_a_report_with_a_wrong_signature_is_refused_and_counted(
    office: Office, headers: dict[str, str], path: str
) -> None:
    with Served(signing_app(office)) as served:
        assert served.post(SIGNED, path, **headers)[0] == 403
    assert office.dispositions() == []
    assert refused(office) == {"signature": 1}


def test_where_one_of_two_signs_the_other_needs_no_signature(office: Office) -> None:
    with Served(signing_app(office, sender("branch", "369362089180"))) as served:
        assert served.post(ringing("1.2").replace(b"089179", b"089180"), "/")[0] == 200
        assert served.post(SIGNED, "/reports/hq")[0] == 403
    assert [(row.callid, row.pbx) for row in entered(office)] == [("1.2", "branch")]


def test_a_body_has_a_limit(office: Office, served: Served) -> None:
    limit = office.core.settings.reports.max_body_bytes

    assert served.post(b" " * limit)[0] == 200
    assert served.post(b" " * (limit + 1))[0] == 413
    assert served.post(iter([b" " * limit, b" "]), Transfer_Encoding="chunked")[0] == 413
    assert len(entered(office)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_reports_are_posted_and_nothing_else(office: Office, served: Served, method: str) -> None:
    assert served.post(b"", method=method)[0] == 405


def test_other_paths_are_not_found_counted_and_logged_and_health_is_found(
    office: Office, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert served.post(b"{}", "/metrics")[0] == 404
        assert served.post(b"{}", "/repots%0a/hq")[0] == 404
        assert served.post(b"{}", "/reports/nobody")[0] == 403
    assert served.post(None, "/healthz", "GET")[0] == 200

    assert office.dispositions() == []
    assert refused(office) == {"path": 3}
    for path in ("'/metrics'", r"'/repots\n/hq'", "'/reports/nobody'"):
        assert path in caplog.text


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

    assert [row.callid for row in entered(office)] == [*(f"1.{n}" for n in range(5)), "1.9"]


def test_a_sender_that_leaves_in_the_middle_of_a_body_harms_nobody(office: Office, served: Served) -> None:
    connection = http.client.HTTPConnection(served.address, timeout=20)
    connection.putrequest("POST", "/reports/hq")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"action": "ALERT"')
    connection.close()

    assert served.post(ringing("1.1"))[0] == 200
    assert len(entered(office)) == 1


def test_reports_that_come_together_are_committed_together(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one commit hangs, forty reports gather; they go with the next."""
    sizes: list[int] = []
    first, go_on = threading.Event(), threading.Event()
    keep = office.inbox.keep

    def hang_at_first(batch: Any) -> Any:
        sizes.append(len(batch))
        if len(sizes) == 1:
            first.set()
            assert go_on.wait(timeout=20)
        return keep(batch)

    monkeypatch.setattr(office.inbox, "keep", hang_at_first)
    with Served(app_of(office, sender())) as served, ThreadPoolExecutor(41) as pool:
        answers = [pool.submit(served.post, ringing("1.0"))]
        assert first.wait(timeout=20)
        answers += [pool.submit(served.post, ringing(f"1.{number}")) for number in range(1, 41)]
        until_gathered(served, 40)
        go_on.set()
        statuses = [answer.result(timeout=20)[0] for answer in answers]

    assert statuses == [200] * 41
    assert len(office.rows(RawReport)) == 41
    assert sizes == [1, 40]


def until_gathered(served: Served, number: int) -> None:
    """Wait until so many reports stand behind the commit that hangs."""
    batcher = served._server._receiver._batcher
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

    entered(office)
    assert office.attempt(attempt).ringing_at == office.clock()


def test_a_stop_enters_what_has_been_answered(office: Office) -> None:
    with Served(app_of(office, sender())) as served:
        for number in range(20):
            assert served.post(ringing(f"1.{number}"))[0] == 200

    assert office.waiting() == []
    assert len(office.rows(RawReport)) == 20


def test_a_report_is_entered_once_whoever_gets_it(office: Office) -> None:
    """The sweep believes the receiver dead, and both enter the same batch."""
    arrival = office.inbox.keep([office.incoming(ringing("1.1")), office.incoming(answered("1.1"))])
    office.clock.move(seconds=60)

    assert office.inbox.enter_left(timedelta(seconds=5)) == 1
    office.inbox.enter([arrival])

    assert len(office.rows(RawReport)) == 2
    assert sum(office.reports_by_disposition().values()) == 2


def test_one_report_that_cannot_be_entered_does_not_take_the_others_with_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.campaign(NUMBER)
    [attempt] = office.dialled()
    enter = type(office.core.ledger).enter

    def failing(ledger: Any, tx: Any, now: Any, news: Any, count: Any) -> Any:
        if any(item.facts.answered_at for item in news):
            raise ValueError("a bug")
        return enter(ledger, tx, now, news, count)

    monkeypatch.setattr(type(office.core.ledger), "enter", failing)
    callid = "1543289641.1"
    kept = [office.inbox.keep([office.incoming(body)]) for body in (ringing("1.7"), ringing("1.8"))]
    kept.append(office.inbox.keep([office.incoming(ringing(callid)), office.incoming(answered(callid))]))
    office.inbox.enter(kept)

    assert office.waiting() == []
    assert office.attempt(attempt).ringing_at == office.clock()
    assert sorted(office.dispositions()) == ["applied", "foreign", "foreign", "pending"]


def test_what_was_kept_for_a_pbx_that_is_not_configured_any_more_is_not_lost(office: Office) -> None:
    item = office.incoming(ringing("1.1"))
    item.pbx = "branch"
    office.inbox.keep([item])
    office.clock.move(seconds=60)

    assert office.inbox.enter_left(timedelta(seconds=5)) == 1

    assert [(row.pbx, row.disposition) for row in office.rows(RawReport)] == [("branch", "malformed")]
