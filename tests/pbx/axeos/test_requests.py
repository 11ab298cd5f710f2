"""What goes over the wire, and what each answer means (Axeos manual, 'PBX API')."""

import base64
import json
from dataclasses import replace

import pytest

from dispatcher.domain.reasons import Nature, Reason, meaning
from dispatcher.domain.reports import PartyKind, ReportEvent
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.axeos.driver import DIAL_WAITS
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.http import HttpAnswer, PbxHttp
from dispatcher.pbx.protocol import (
    DialOrder,
    HangsUp,
    KeepsRecords,
    Message,
    PullsReports,
    SeesCall,
    SeesLiveCalls,
    SeesTrunks,
)
from tests.pbx.axeos.conftest import KEY, SESSION, TO_NUMBER, TO_USER, MakeDriver
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer, send_and_close, stall

INFORMATION = b'{"uuid": "c0ffee", "version": "4.1.10", "hostname": "pbx.example.org"}'
CREATED = b'{"status": "success", "unique_id": "1699887766.42"}'
UUID = "0f4f8c0e-1111-2222-3333-444455556666"


def sent(pbx: RawPbx) -> tuple[str, dict[str, str], bytes]:
    """The only request: its first line, its headers and its body."""
    (request,) = pbx.requests
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in lines)}
    return line, headers, body


def test_what_the_family_can_do() -> None:
    kinds = Axeos.capabilities

    assert kinds.placeable == {
        (MessageKind.IVR, TargetKind.USER),
        (MessageKind.QUEUE, TargetKind.USER),
        (MessageKind.RING_GROUP, TargetKind.USER),
        (MessageKind.PROMPT, TargetKind.NUMBER),
    }
    assert kinds.proofs(TargetKind.USER) == [DeliveredWhen.ANSWERED]
    assert kinds.proofs(TargetKind.NUMBER) == []
    assert not kinds.prompt_count


def test_which_questions_it_can_be_asked(driver_for: MakeDriver) -> None:
    driver = driver_for("http://127.0.0.1:1")

    assert isinstance(driver, SeesCall)
    assert isinstance(driver, HangsUp)
    assert isinstance(driver, PullsReports)
    assert driver.pulls_reports
    for lacking in (SeesLiveCalls, KeepsRecords, SeesTrunks):
        assert not isinstance(driver, lacking)


def test_login_proves_the_credential_and_changes_nothing(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(INFORMATION)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        line, headers, body = sent(pbx)

        assert line == "GET /apis/pbx/system_information HTTP/1.1"
        assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"apiKey:{KEY}"
        assert headers["accept"] == "application/json"
        assert body == b""
        assert driver.login() == session
        driver.keep_alive(session)
        driver.logout(session)
    assert observed == [("login", "ok"), ("login", "ok"), ("check", "ok")]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("401 Unauthorized", b"", Reason.CREDENTIALS_REFUSED),
        ("403 Forbidden", b"", Reason.CREDENTIALS_REFUSED),
        ("404 Not Found", b"", Reason.PBX_AWAY),
        ("200 OK", b"<html>a web page</html>", Reason.RESPONSE_UNREADABLE),
        ("200 OK", b"{}", Reason.RESPONSE_UNREADABLE),
    ],
)
def test_a_login_that_proves_nothing(
    driver_for: MakeDriver, status: str, body: bytes, reason: Reason
) -> None:
    with RawPbx(answer(body, status)) as pbx:
        with pytest.raises(PbxError) as error:
            driver_for(pbx.url).login()

    assert error.value.reason is reason


def test_the_device(driver_for: MakeDriver) -> None:
    with RawPbx(answer(INFORMATION)) as pbx:
        device = driver_for(pbx.url).device(SESSION)

    assert (device.model, device.firmware, device.serial) == ("Axeos PBX pbx.example.org", "4.1.10", "")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (TO_USER, {"user_name": "anna", "number": "6500"}),
        (replace(TO_USER, digits=UUID), {"user_uuid": UUID, "number": "6500"}),
        (
            replace(TO_USER, message=Message(MessageKind.QUEUE, "6700")),
            {"user_name": "anna", "number": "6700"},
        ),
        (TO_NUMBER, {"user_name": "alarm", "number": "+31201234567", "auto_answer": True}),
    ],
)
def test_an_order_is_an_originate_request(
    driver_for: MakeDriver, order: DialOrder, expected: dict[str, object]
) -> None:
    with RawPbx(answer(CREATED, "201 Created", b"Location: /apis/pbx/call/1699887766.42\r\n")) as pbx:
        accepted = driver_for(pbx.url).dial(SESSION, order)
        line, _, body = sent(pbx)

    assert line == "POST /apis/pbx/call HTTP/1.1"
    assert json.loads(body) == expected
    assert accepted.callid == "1699887766.42"


def test_a_call_to_a_user_is_answered_as_soon_as_it_is_accepted(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CREATED, "201 Created")) as pbx:
        (report,) = driver_for(pbx.url).dial(SESSION, TO_USER).seen

    assert (report.event, report.callid) == (ReportEvent.ANSWERED, "1699887766.42")
    assert [(party.kind, party.number) for party in report.parties] == [(PartyKind.EXTENSION, "anna")]
    assert report.word in Axeos.report_words


def test_of_a_call_to_a_number_nothing_is_seen_at_the_far_end(driver_for: MakeDriver) -> None:
    with RawPbx(answer(CREATED, "201 Created")) as pbx:
        assert driver_for(pbx.url).dial(SESSION, TO_NUMBER).seen == ()


@pytest.mark.parametrize(
    ("status", "body", "to_user", "to_number"),
    [
        ("200 OK", b'{"status": "busy"}', Reason.BUSY, Reason.CONGESTION),
        ("200 OK", b'{"status": "no answer"}', Reason.NO_ANSWER, Reason.CONGESTION),
        ("200 OK", b'{"status": "Failed"}', Reason.FAILED, Reason.CONGESTION),
        ("200 OK", b'{"status": "on fire"}', Reason.FAILED, Reason.CONGESTION),
        ("503 Service Not Available", b"", Reason.NO_ANSWER, Reason.CONGESTION),
        ("404 Not Found", b"", Reason.EXTENSION_UNKNOWN, Reason.PROMPT_UNKNOWN),
        ("400 Bad Request", b"", Reason.BAD_REQUEST, Reason.BAD_REQUEST),
        ("401 Unauthorized", b"", Reason.TOKEN_INVALID, Reason.TOKEN_INVALID),
        ("403 Forbidden", b"", Reason.NOT_PERMITTED, Reason.NOT_PERMITTED),
    ],
)
def test_why_no_call_was_placed(
    driver_for: MakeDriver,
    observed: Observed,
    status: str,
    body: bytes,
    to_user: Reason,
    to_number: Reason,
) -> None:
    with RawPbx(answer(body, status)) as pbx:
        driver = driver_for(pbx.url)
        for order, reason in ((TO_USER, to_user), (TO_NUMBER, to_number)):
            with pytest.raises(PbxError) as error:
                driver.dial(SESSION, order)
            assert error.value.reason is reason
            assert KEY not in error.value.detail
    assert observed == [("dial", "refused")] * 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("201 Created", b'{"status": "success"}'),
        ("201 Created", b"yes"),
        ("200 OK", b'{"status": "success"}'),
        ("200 OK", b"[]"),
        ("500 Internal Server Error", b""),
        ("502 Bad Gateway", b""),
    ],
)
def test_an_answer_that_leaves_open_whether_the_call_was_placed(
    driver_for: MakeDriver, status: str, body: bytes
) -> None:
    with RawPbx(answer(body, status)) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url).dial(SESSION, TO_USER)

    assert meaning(doubt.value.reason).nature is Nature.IN_DOUBT


@pytest.mark.parametrize(
    "order",
    [
        DialOrder(TargetKind.NUMBER, "0612345678", Message(MessageKind.IVR, "6500")),
        DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.IVR, "6500")),
        DialOrder(TargetKind.USER, "anna", Message(MessageKind.PROMPT, "alarm")),
    ],
)
def test_what_it_does_not_place_is_not_sent(driver_for: MakeDriver, order: DialOrder) -> None:
    with RawPbx(answer(CREATED, "201 Created")) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, order)
        assert pbx.requests == []

    assert refusal.value.reason is Reason.UNSUPPORTED


def test_only_a_dial_waits_for_somebody_to_pick_up(
    driver_for: MakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[str, float | None]] = []

    def send(self: object, method: str, path: str, *args: object, **options: float | None) -> HttpAnswer:
        waited.append((method, options["timeout"]))
        return HttpAnswer(201 if method == "POST" else 404, CREATED)

    monkeypatch.setattr(PbxHttp, "send", send)
    driver = driver_for("http://127.0.0.1:1", timeout_seconds=7.0)
    driver.dial(SESSION, TO_USER)
    driver.live_call(SESSION, "1.2")

    assert DIAL_WAITS >= 60
    assert waited == [("POST", 7.0 + DIAL_WAITS), ("GET", 7.0)]
    assert Axeos.capabilities.dial_waits == DIAL_WAITS


def test_a_dial_that_is_cut_is_in_doubt_and_not_repeated(driver_for: MakeDriver) -> None:
    with RawPbx(send_and_close(b"")) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url).dial(SESSION, TO_USER)
        assert len(pbx.requests) == 1

    assert doubt.value.reason is Reason.CONNECTION_LOST


CALL = {
    "event_tag": "alarm",
    "unique_id": "1699887766.42",
    "account_code": "",
    "called_extension": "6500",
    "caller": {"user_uuid": UUID, "phone_uuid": "p-1", "number": "201", "name": "Anna"},
}


def test_a_call_that_is_up(driver_for: MakeDriver) -> None:
    with RawPbx(answer(json.dumps(CALL).encode())) as pbx:
        live = driver_for(pbx.url).live_call(SESSION, "1699887766.42")
        line, _, _ = sent(pbx)

    assert line == "GET /apis/pbx/call/1699887766.42 HTTP/1.1"
    assert live is not None
    assert (live.leg, live.callid, live.number, live.caller) == (
        "1699887766.42",
        "1699887766.42",
        "6500",
        UUID,
    )


def test_a_call_that_is_gone(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(b"", "404 Not Found")) as pbx:
        assert driver_for(pbx.url).live_call(SESSION, "1.2") is None
    assert observed == [("live_call", "ok")]


def test_of_an_answer_that_shows_no_call_nothing_is_concluded(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b"[]")) as pbx:
        with pytest.raises(PbxInDoubt):
            driver_for(pbx.url).live_call(SESSION, "1.2")


def test_an_id_stays_one_part_of_the_path(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b"", "404 Not Found")) as pbx:
        driver_for(pbx.url).live_call(SESSION, "../users?x=1")
        line, _, _ = sent(pbx)

    assert line == "GET /apis/pbx/call/..%2Fusers%3Fx%3D1 HTTP/1.1"


def test_a_call_is_hung_up_by_its_id(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b'{"status": "success", "message": "hung up"}')) as pbx:
        driver_for(pbx.url).hang_up_leg(SESSION, "1699887766.42")
        line, _, _ = sent(pbx)

    assert line == "DELETE /apis/pbx/call/1699887766.42 HTTP/1.1"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("404 Not Found", b"", Reason.CALL_OVER),
        ("403 Forbidden", b"", Reason.NOT_PERMITTED),
        ("200 OK", b'{"status": "failure", "message": "no"}', Reason.FAILED),
    ],
)
def test_a_hang_up_that_did_nothing(driver_for: MakeDriver, status: str, body: bytes, reason: Reason) -> None:
    with RawPbx(answer(body, status)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).hang_up_leg(SESSION, "1.2")

    assert refusal.value.reason is reason


def test_extensions_are_not_hung_up(driver_for: MakeDriver) -> None:
    with pytest.raises(PbxRefused) as refusal:
        driver_for("http://127.0.0.1:1").hang_up_extension(SESSION, "201", "77")

    assert refusal.value.reason is Reason.UNSUPPORTED


def test_a_question_does_not_wait_for_long(driver_for: MakeDriver) -> None:
    with RawPbx(stall) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url, timeout_seconds=0.2).live_call(SESSION, "1.2")

    assert doubt.value.reason is Reason.TIMED_OUT
