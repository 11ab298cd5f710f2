"""What goes over the wire, and what comes back, as the S-Series API v1.1.0 manual has it."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import (
    Device,
    DialOrder,
    Ivr,
    LiveCall,
    Message,
    Session,
    TransferOrder,
    TrunkState,
)
from dispatcher.pbx.yeastar_s import YeastarS
from tests.pbx.drivers import PASSWORD, Observed
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.wire import Sent, all_sent
from tests.pbx.yeastar_s.conftest import ORDER, SESSION, TOKEN, MakeDriver

SUCCESS = b'{"status": "Success"}'
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def sent(pbx: RawPbx, base: str = "/api/v1.1.0/") -> Sent:
    """The only request."""
    (request,) = all_sent(pbx, base)
    return request


def test_login(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(b'{"status": "Success", "token": "%s"}' % TOKEN.encode())) as pbx:
        session = driver_for(pbx.url).login()

    line, body = sent(pbx)
    assert session == SESSION
    assert line == "login"
    assert body == {
        "username": "api",
        "password": hashlib.md5(PASSWORD.encode()).hexdigest(),
        "port": "8260",
        "version": "1.0.2",
        "url": "10.0.0.5:8260/reports/hq",
        "urltag": "1",
    }
    assert observed == [("login", "ok")]


def test_heartbeat_names_the_same_destination_as_the_login(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        driver_for(pbx.url).keep_alive(SESSION)

    line, body = sent(pbx)
    assert line == f"heartbeat?token={TOKEN}"
    assert body == {
        "ipaddr": "10.0.0.5",
        "port": "8260",
        "url": "10.0.0.5:8260/reports/hq",
        "urltag": "1",
        "urlflag": "1",
    }


@pytest.mark.parametrize(
    ("reports_url", "port", "url"),
    [
        ("http://10.0.0.5/r", "80", "10.0.0.5:80/r"),
        ("http://pbx-reports.example:9000", "9000", "pbx-reports.example:9000"),
        ("http://[fd00::5]:8260/r", "8260", "[fd00::5]:8260/r"),
    ],
)
def test_where_reports_go(driver_for: MakeDriver, reports_url: str, port: str, url: str) -> None:
    with RawPbx(answer(b'{"status": "Success", "token": "t"}')) as pbx:
        driver_for(pbx.url, reports_url=reports_url).login()

    _, body = sent(pbx)
    assert (body["port"], body["url"]) == (port, url)


@pytest.mark.parametrize(
    ("order", "endpoint", "body"),
    [
        (
            DialOrder(TargetKind.NUMBER, "18383992993", Message(MessageKind.IVR, "6500"), "1000"),
            "ivr/dial_outbound",
            {"ivrid": "6500", "outto": "18383992993", "fromext": "1000"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.IVR, "6500"), "1000"),
            "ivr/dial_extension",
            {"ivrid": "6500", "extid": "1002", "autoanswer": "no"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "41000", Message(MessageKind.PROMPT, "hello111"), "1000"),
            "outbound/playprompt",
            {"outto": "41000", "prompt": "hello111", "fromext": "1000"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "41000", Message(MessageKind.PROMPT, "hello111")),
            "outbound/playprompt",
            {"outto": "41000", "prompt": "hello111"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1000", Message(MessageKind.PROMPT, "1+queue1+queue2")),
            "extension/playprompt",
            {"extid": "1000", "prompt": "1+queue1+queue2", "autoanswer": "no"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "118396210850", Message(MessageKind.QUEUE, "6700"), "1000"),
            "queue/dial_outbound",
            {"queueid": "6700", "outto": "118396210850", "fromext": "1000"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "118396210850", Message(MessageKind.RING_GROUP, "6200"), "1000"),
            "ringgroup/dial_outbound",
            {"ringgroupid": "6200", "outto": "118396210850", "fromext": "1000"},
        ),
    ],
)
def test_dial(
    driver_for: MakeDriver,
    observed: Observed,
    order: DialOrder,
    endpoint: str,
    body: dict[str, str],
) -> None:
    with RawPbx(answer(b'{"status": "Success", "callid": "1495698843.215"}')) as pbx:
        callid = driver_for(pbx.url).dial(SESSION, order).callid

    assert callid == "1495698843.215"
    assert sent(pbx) == (f"{endpoint}?token={TOKEN}", body)
    assert observed == [("dial", "ok")]


def test_a_prompt_is_not_repeated(driver_for: MakeDriver) -> None:
    twice = DialOrder(TargetKind.NUMBER, "41000", Message(MessageKind.PROMPT, "hello", count=2))
    with RawPbx(answer(SUCCESS)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, twice)

    assert refusal.value.reason is Reason.UNSUPPORTED
    assert pbx.requests == []
    assert not YeastarS.capabilities.prompt_count


@pytest.mark.parametrize(
    ("request_it", "line", "body"),
    [
        (lambda driver: driver.logout(SESSION), "logout", {}),
        (lambda driver: driver.hang_up_leg(SESSION, "1.2"), "outbound/hangup", {"outboundid": "1.2"}),
        (
            lambda driver: driver.hang_up_extension(SESSION, "1002", "1.2"),
            "extension/hangup",
            {"extid": "1002"},
        ),
        (
            lambda driver: driver.transfer(
                SESSION, TransferOrder("1495698591.209", TargetKind.NUMBER, "18283773", "4000")
            ),
            "outbound/transfer_number",
            {"outboundid": "1495698591.209", "number": "18283773", "fromext": "4000"},
        ),
    ],
)
def test_plain_requests(
    driver_for: MakeDriver, request_it: Callable[[YeastarS], None], line: str, body: dict[str, str]
) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        request_it(driver_for(pbx.url))

    assert sent(pbx) == (f"{line}?token={TOKEN}", body)


LIVE_OUTBOUND = b"""{"status": "Success", "outbound": [{"outboundid": "1495705009.316", "from": "1002",
    "to": "41000", "trunk": "SIP-142", "status": "Talking"}]}"""
# As the manual prints it, with the brackets that do not match.
LIVE_INBOUND = b"""{
    "status": "Success",
    "inbound": [
        {
            "inboundid": "1495698433.203",
            "from": "1000",
            "to": "1002",
            "trunk": "SIP-142",
            "status": "Talking",
            "callee": [
                {
                    "extid": "1002"
                }
            ]
        ]
    }
"""


def test_live_calls(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(LIVE_OUTBOUND)) as pbx:
        driver = driver_for(pbx.url)
        outbound, *_ = driver.live_calls(SESSION)
        pbx.behaviour = answer(LIVE_INBOUND)
        *_, inbound = driver.live_calls(SESSION)

    assert outbound == LiveCall(
        leg="1495705009.316",
        number="41000",
        trunk="SIP-142",
        direction=PartyKind.OUTBOUND,
        caller="1002",
        status="Talking",
    )
    assert inbound == LiveCall(
        leg="1495698433.203",
        number="1000",
        trunk="SIP-142",
        direction=PartyKind.INBOUND,
        caller="1000",
        callid="1495698433.203",
        status="Talking",
    )
    assert [request.split(b"?")[0] for request in pbx.requests[:2]] == [
        b"POST /api/v1.1.0/outbound/query",
        b"POST /api/v1.1.0/inbound/query",
    ]
    assert observed == [("live_calls", "ok")] * 4


@pytest.mark.parametrize(
    "body",
    [
        SUCCESS,
        b'{"status":"Success","outbound":[],"inbound":null}',
        b'{"status":"Failed","errno":"10007"}',
        b'{"status":"Failed","errno":"20021"}',
    ],
)
def test_no_live_calls(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).live_calls(SESSION) == []


def test_half_a_list_of_live_calls_is_no_list(driver_for: MakeDriver) -> None:
    with RawPbx(answer(LIVE_OUTBOUND[:-2])) as pbx:
        with pytest.raises(PbxInDoubt) as doubt:
            driver_for(pbx.url).live_calls(SESSION)

    assert doubt.value.reason is Reason.RESPONSE_UNREADABLE


def test_live_calls_that_can_not_be_asked_are_not_none(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b'{"status":"Failed","errno":"20004"}')) as pbx:
        with pytest.raises(PbxError) as error:
            driver_for(pbx.url).live_calls(SESSION)

    assert error.value.reason is Reason.TOKEN_INVALID


def test_trunks(driver_for: MakeDriver) -> None:
    body = b'{"status": "Success", "trunklist": [{"trunkname": "voip123", "status": "Idle", "type": "SIP"}]}'
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).trunks(SESSION) == [TrunkState("voip123", "Idle", "SIP", usable=True)]

    assert sent(pbx)[0].startswith("trunklist/query?")


def test_ivrs(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "ivr": [{"ivrnumber": "6500", "ivrname": "Alarm", "prompt": "[Default]",
        "promptrepeat": "3"}]}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).ivrs(SESSION) == [Ivr("6500", "Alarm", "[Default]")]

    assert sent(pbx)[0].startswith("ivr/query?")


def test_device(driver_for: MakeDriver) -> None:
    with RawPbx(answer(b'{"status": "Success", "deviceinfo": {"sn": "369364835218"}}')) as pbx:
        assert driver_for(pbx.url).device(SESSION) == Device("", "369364835218", "")

    assert sent(pbx)[0].startswith("deviceinfo/query?")


def test_a_url_with_a_path_and_a_slash(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        driver_for(pbx.url + "/pbx/").logout(Session("a b&c=d"))

    assert sent(pbx, "/pbx/api/v1.1.0/") == ("logout?token=a%20b%26c%3Dd", {})


def test_the_operations_are_a_closed_set(driver_for: MakeDriver, observed: Observed) -> None:
    everything = b'{"status":"Success","token":"t","callid":"1.2","random":"r","deviceinfo":{}}'
    with RawPbx(answer(everything)) as pbx:
        driver = driver_for(pbx.url)
        driver.login()
        with pytest.raises(PbxInDoubt):
            driver.records(SESSION, NOW, NOW)
        for request_it in (driver.keep_alive, driver.live_calls, driver.trunks, driver.ivrs, driver.device):
            request_it(SESSION)
        driver.dial(SESSION, ORDER)
        driver.hang_up_leg(SESSION, "1.3")
        driver.hang_up_extension(SESSION, "1000", "1.2")
        driver.transfer(SESSION, TransferOrder("1.3", TargetKind.NUMBER, "18283773", "4000"))
        driver.logout(SESSION)

    assert {operation for operation, _ in observed} == set(YeastarS.operations)
