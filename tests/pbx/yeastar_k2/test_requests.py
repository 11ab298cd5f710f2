"""What goes over the wire, and what comes back, as the K2 API v2.0.0 manual has it."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import (
    Device,
    DialOrder,
    HangsUp,
    Ivr,
    KeepsRecords,
    LiveCall,
    Message,
    PullsReports,
    SeesCall,
    SeesDevice,
    SeesIvrs,
    SeesLiveCalls,
    SeesTrunks,
    Session,
    TrunkState,
)
from dispatcher.pbx.yeastar_k2 import YeastarK2
from tests.pbx.drivers import PASSWORD
from tests.pbx.raw_pbx import RawPbx, answer, in_turn
from tests.pbx.yeastar_k2.conftest import ORDER, REFRESH, SESSION, TOKEN, MakeDriver

SUCCESS = b'{"status": "Success"}'
LOGGED_IN = b'{"status": "Success", "token": "%s", "transport": "HTTP"}' % TOKEN.encode()
LOGGED_IN_TO_THE_CLOUD = b'{"status": "Success", "token": "%s", "refreshtoken": "%s"}' % (
    TOKEN.encode(),
    REFRESH.encode(),
)
NEXT_TOKEN, NEXT_REFRESH = "1c0a3fd34ca5e5292042a77e4d9ff950", "4a1f20e901b45d4106e7aee076d22115"
REFRESHED = b'{"status": "Success", "token": "%s", "refreshtoken": "%s"}' % (
    NEXT_TOKEN.encode(),
    NEXT_REFRESH.encode(),
)
FAILED = b'{"status": "Failed", "errno": "%d"}'


def all_sent(pbx: RawPbx) -> list[tuple[str, dict[str, Any]]]:
    """The endpoint with its query, and the body, of every request."""
    found = []
    for request in pbx.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        line, _, headers = head.decode().partition("\r\n")
        assert "content-type: application/json; charset=utf-8" in headers.lower()
        found.append((line.removeprefix("POST /api/v2.0.0/").removesuffix(" HTTP/1.1"), json.loads(body)))
    return found


def sent(pbx: RawPbx) -> tuple[str, dict[str, Any]]:
    """The only request."""
    (request,) = all_sent(pbx)
    return request


# The session.


def test_login(driver_for: MakeDriver, observed: list[tuple[str, str]]) -> None:
    with RawPbx(answer(LOGGED_IN)) as pbx:
        session = driver_for(pbx.url).login()

    assert session == SESSION
    assert sent(pbx) == (
        "login",
        {
            "username": "api",
            "password": hashlib.md5(PASSWORD.encode()).hexdigest(),
            "version": "2.0.0",
            "port": "8260",
            "url": "10.0.0.5:8260/reports/hq",
            "urltag": "1",
        },
    )
    assert observed == [("login", "ok")]


def test_a_heartbeat_repeats_version_and_destination(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        assert driver_for(pbx.url).keep_alive(SESSION) is None

    assert sent(pbx) == (
        f"heartbeat?token={TOKEN}",
        {
            "ipaddr": "10.0.0.5",
            "version": "2.0.0",
            "port": "8260",
            "url": "10.0.0.5:8260/reports/hq",
            "urltag": "1",
        },
    )


def test_with_events_over_tcp_the_pbx_is_told_no_destination(driver_for: MakeDriver) -> None:
    with RawPbx(answer(LOGGED_IN.replace(b"HTTP", b"TCP"))) as pbx:
        driver = driver_for(pbx.url, report_transport="tcp")
        driver.keep_alive(driver.login())

    (_, login), (_, heartbeat) = all_sent(pbx)
    assert login.keys() == {"username", "password", "version"}
    assert heartbeat == {"ipaddr": "10.0.0.5", "version": "2.0.0"}


@pytest.mark.parametrize(
    ("ours", "theirs", "is_said"),
    [("http", "TCP", True), ("tcp", "HTTP", True), ("http", "HTTP", False), ("tcp", "tcp", False)],
)
def test_reports_that_come_in_another_way_than_expected_are_told(
    driver_for: MakeDriver, caplog: pytest.LogCaptureFixture, ours: str, theirs: str, is_said: bool
) -> None:
    caplog.set_level(logging.WARNING)
    with RawPbx(answer(LOGGED_IN.replace(b"HTTP", theirs.encode()))) as pbx:
        driver_for(pbx.url, report_transport=ours).login()

    assert (f'report_transport = "{theirs.lower()}"' in caplog.text) is is_said


def test_a_session_with_a_refresh_token_is_refreshed_and_then_sends_a_heartbeat(
    driver_for: MakeDriver, observed: list[tuple[str, str]]
) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, REFRESHED, SUCCESS, REFRESHED, SUCCESS, SUCCESS)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        renewed = driver.keep_alive(session)
        assert renewed is not None
        again = driver.keep_alive(renewed)
        assert again is not None
        driver.logout(again)

    assert [line for line, _ in all_sent(pbx)] == [
        "login",
        f"token/refresh?token={TOKEN}",
        f"heartbeat?token={NEXT_TOKEN}",
        f"token/refresh?token={NEXT_TOKEN}",
        f"heartbeat?token={NEXT_TOKEN}",
        f"logout?token={NEXT_TOKEN}",
    ]
    assert [body["refreshtoken"] for line, body in all_sent(pbx) if "refresh" in line] == [
        REFRESH,
        NEXT_REFRESH,
    ]
    assert observed[1:3] == [("refresh", "ok"), ("heartbeat", "ok")]


def test_a_refreshed_session_is_kept_where_there_is_no_heartbeat(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, REFRESHED, FAILED % 10003)) as pbx:
        driver = driver_for(pbx.url)
        renewed = driver.keep_alive(driver.login())

    assert renewed is not None
    assert renewed.token.startswith(NEXT_TOKEN)


def test_a_refresh_that_is_refused_is_no_session(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(LOGGED_IN_TO_THE_CLOUD, FAILED % 20004)) as pbx:
        driver = driver_for(pbx.url)
        with pytest.raises(PbxRefused) as refusal:
            driver.keep_alive(driver.login())

    assert refusal.value.reason is Reason.TOKEN_INVALID


@pytest.mark.parametrize("request_it", ["login", "refresh"])
def test_without_a_token_there_is_no_session(driver_for: MakeDriver, request_it: str) -> None:
    answers = [SUCCESS] if request_it == "login" else [LOGGED_IN_TO_THE_CLOUD, SUCCESS]
    with RawPbx(in_turn(*answers)) as pbx:
        driver = driver_for(pbx.url)
        with pytest.raises(PbxInDoubt):
            driver.keep_alive(driver.login())


# Calls.


@pytest.mark.parametrize(
    ("order", "endpoint", "body"),
    [
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.IVR, "6500"), "1023"),
            "call/dial",
            {"caller": "6500", "callee": "5503302", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.QUEUE, "6700"), "1023"),
            "call/dial",
            {"caller": "6700", "callee": "5503302", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "5503302", Message(MessageKind.RING_GROUP, "6200")),
            "call/dial",
            {"caller": "6200", "callee": "5503302"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.IVR, "6500"), "1023"),
            "call/dial",
            {"caller": "1002", "callee": "6500", "autoanswer": "no"},
        ),
        (
            DialOrder(TargetKind.NUMBER, "2000", Message(MessageKind.PROMPT, "music1+music2", 2), "1023"),
            "call/playprompt",
            {"number": "2000", "prompt": "music1+music2", "count": "2", "dialpermission": "1023"},
        ),
        (
            DialOrder(TargetKind.EXTENSION, "1023", Message(MessageKind.PROMPT, "music1")),
            "call/playprompt",
            {"number": "1023", "prompt": "music1", "count": "1", "autoanswer": "no"},
        ),
    ],
)
def test_dial(
    driver_for: MakeDriver,
    observed: list[tuple[str, str]],
    order: DialOrder,
    endpoint: str,
    body: dict[str, str],
) -> None:
    with RawPbx(answer(b'{"status": "Success", "callid": "1571620483.18"}')) as pbx:
        accepted = driver_for(pbx.url).dial(SESSION, order)

    assert (accepted.callid, accepted.seen) == ("1571620483.18", ())
    assert sent(pbx) == (f"{endpoint}?token={TOKEN}", body)
    assert observed == [("dial", "ok")]


@pytest.mark.parametrize("volume", [0, 20])
def test_prompts_are_as_loud_as_configured(driver_for: MakeDriver, volume: int) -> None:
    with RawPbx(answer(b'{"status": "Success", "callid": "1571620483.18"}')) as pbx:
        driver = driver_for(pbx.url, prompt_volume=volume)
        driver.dial(SESSION, DialOrder(TargetKind.EXTENSION, "1023", Message(MessageKind.PROMPT, "music1")))
        driver.dial(SESSION, ORDER)

    (_, prompt), (_, ivr) = all_sent(pbx)
    assert prompt["volume"] == str(volume)
    assert "volume" not in ivr


def test_capabilities_are_what_dial_places() -> None:
    kinds = YeastarK2.capabilities

    assert kinds.placeable == {
        (MessageKind.IVR, TargetKind.NUMBER),
        (MessageKind.IVR, TargetKind.EXTENSION),
        (MessageKind.PROMPT, TargetKind.NUMBER),
        (MessageKind.PROMPT, TargetKind.EXTENSION),
        (MessageKind.QUEUE, TargetKind.NUMBER),
        (MessageKind.RING_GROUP, TargetKind.NUMBER),
    }
    for target in (TargetKind.NUMBER, TargetKind.EXTENSION):
        assert kinds.proofs(target) == list(DeliveredWhen)
    assert not kinds.calls(TargetKind.USER)
    assert not kinds.proofs(TargetKind.USER)
    assert kinds.prompt_count


@pytest.mark.parametrize(
    "protocol",
    [
        SeesLiveCalls,
        SeesCall,
        KeepsRecords,
        PullsReports,
        HangsUp,
        SeesTrunks,
        SeesIvrs,
        SeesDevice,
    ],
)
def test_the_family_has_every_optional_capability(driver_for: MakeDriver, protocol: type) -> None:
    assert isinstance(driver_for("http://127.0.0.1:1"), protocol)


@pytest.mark.parametrize(
    "order",
    [
        DialOrder(TargetKind.USER, "anna", Message(MessageKind.IVR, "6500")),
        DialOrder(TargetKind.EXTENSION, "1002", Message(MessageKind.QUEUE, "6700")),
        DialOrder(TargetKind.NUMBER, "41000", Message(MessageKind.IVR, "6500", count=2)),
    ],
)
def test_what_the_api_lacks_is_refused_unsent(driver_for: MakeDriver, order: DialOrder) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).dial(SESSION, order)

    assert refusal.value.reason is Reason.UNSUPPORTED
    assert pbx.requests == []


@pytest.mark.parametrize("body", [b"", b"{}", SUCCESS, b'{"status":"Success","callid":"15716'])
def test_an_answer_without_a_callid_is_in_doubt(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxInDoubt):
            driver_for(pbx.url).dial(SESSION, ORDER)

    assert len(pbx.requests) == 1


# Live calls. The first is the manual's sample, with its key "Calls"; the second is made after it.

INBOUND = b"""{"Calls": [{"members": [
    {"inbound": {"from": "500", "to": "1023", "trunkname": "siptrunk",
                 "channelid": "PJSIP/trunk-API-endpoint-00000005", "memberstatus": "ANSWERED"}},
    {"ext": {"number": "1023", "channelid": "PJSIP/1023-00000006", "memberstatus": "ANSWER"}}],
    "callid": "1571386069.8"}], "status": "Success"}"""
OUTBOUND = b"""{"calls": [{"members": [
    {"outbound": {"from": "6500", "to": "5503302", "trunkname": "siptrunk", "callpath": "6500",
                  "channelid": "PJSIP/trunk-siptrunk-endpoint-0000001f", "memberstatus": "RING"}}],
    "callid": "1571620483.18"}], "status": "Success"}"""
INBOUND_LEG = LiveCall(
    leg="PJSIP/trunk-API-endpoint-00000005",
    number="500",
    trunk="siptrunk",
    direction=PartyKind.INBOUND,
    caller="500",
    callid="1571386069.8",
    status="ANSWERED",
)
OUTBOUND_LEG = LiveCall(
    leg="PJSIP/trunk-siptrunk-endpoint-0000001f",
    number="5503302",
    trunk="siptrunk",
    direction=PartyKind.OUTBOUND,
    caller="6500",
    callid="1571620483.18",
    status="RING",
)


def call_of(*members: dict[str, dict[str, str]], callid: str = "1.2") -> bytes:
    return json.dumps({"status": "Success", "Calls": [{"callid": callid, "members": members}]}).encode()


def party(kind: str, number: str, status: str) -> dict[str, dict[str, str]]:
    if kind == "ext":
        return {"ext": {"number": number, "channelid": f"PJSIP/{number}-0", "memberstatus": status}}
    ends = {"from": number, "to": "1000"} if kind == "inbound" else {"from": "1000", "to": number}
    return {kind: ends | {"trunkname": "T", "channelid": f"PJSIP/{number}-1", "memberstatus": status}}


def test_live_calls_are_asked_for_by_direction(
    driver_for: MakeDriver, observed: list[tuple[str, str]]
) -> None:
    with RawPbx(in_turn(OUTBOUND, INBOUND)) as pbx:
        assert driver_for(pbx.url).live_calls(SESSION) == [OUTBOUND_LEG, INBOUND_LEG]

    assert all_sent(pbx) == [
        (f"call/query?token={TOKEN}", {"type": "outbound"}),
        (f"call/query?token={TOKEN}", {"type": "inbound"}),
    ]
    assert observed == [("live_calls", "ok")] * 2


def test_a_call_that_comes_in_and_goes_out_again_holds_two_channels_and_is_listed_once(
    driver_for: MakeDriver,
) -> None:
    both = call_of(party("inbound", "500", "ANSWERED"), party("outbound", "600", "ANSWER"))
    with RawPbx(in_turn(both, both)) as pbx:
        legs = driver_for(pbx.url).live_calls(SESSION)

    assert [(leg.direction, leg.number) for leg in legs] == [
        (PartyKind.INBOUND, "500"),
        (PartyKind.OUTBOUND, "600"),
    ]


def test_a_leg_that_has_hung_up_is_not_live(driver_for: MakeDriver) -> None:
    released = call_of(party("outbound", "500", "BYE"), party("ext", "1000", "ANSWERED"))
    with RawPbx(in_turn(released, released)) as pbx:
        assert driver_for(pbx.url).live_calls(SESSION) == []


def test_a_call_of_which_nobody_is_named_is_live_all_the_same(driver_for: MakeDriver) -> None:
    with RawPbx(in_turn(call_of(), b'{"status": "Success", "Calls": []}')) as pbx:
        legs = driver_for(pbx.url).live_calls(SESSION)

    assert legs == [LiveCall("", "", "", PartyKind.OUTBOUND, callid="1.2")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "Success", "Calls": []}',
        SUCCESS,
        b'{"status": "Success", "Calls": ""}',
        FAILED % 10007,
        FAILED % 10005,
    ],
)
def test_no_call_is_told_in_any_way(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx:
        driver = driver_for(pbx.url)
        assert driver.live_calls(SESSION) == []
        assert driver.live_call(SESSION, "1.2") is None


@pytest.mark.parametrize("body", [OUTBOUND[:-2], FAILED % 20004, FAILED % 20010, b""])
def test_calls_that_can_not_be_seen_are_not_none(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx:
        driver = driver_for(pbx.url)
        with pytest.raises(PbxError):
            driver.live_calls(SESSION)
        with pytest.raises(PbxError):
            driver.live_call(SESSION, "1.2")


def test_one_call_is_asked_for_by_its_callid(driver_for: MakeDriver, observed: list[tuple[str, str]]) -> None:
    with RawPbx(answer(OUTBOUND)) as pbx:
        assert driver_for(pbx.url).live_call(SESSION, "1571620483.18") == OUTBOUND_LEG

    assert sent(pbx) == (f"call/query?token={TOKEN}", {"callid": "1571620483.18"})
    assert observed == [("live_call", "ok")]


@pytest.mark.parametrize(
    ("members", "number"),
    [
        ([party("ext", "1002", "ALERT")], "1002"),
        ([party("ext", "1005", "RING"), party("outbound", "500", "ANSWER")], "500"),
        ([party("outbound", "500", "BYE"), party("ext", "1005", "ANSWER")], "1005"),
        ([], ""),
        ([party("outbound", "500", "BYE")], None),
        ([party("outbound", "500", "BYE"), party("ext", "1005", "BYE")], None),
    ],
    ids=["inside", "outside", "who is left", "nobody named", "over", "over for both"],
)
def test_a_call_is_up_while_somebody_is_in_it(
    driver_for: MakeDriver, members: Sequence[Any], number: str | None
) -> None:
    with RawPbx(answer(call_of(*members))) as pbx:
        live = driver_for(pbx.url).live_call(SESSION, "1.2")

    assert (live.number if live else None) == number
    assert live is None or live.callid == "1.2"


def test_another_call_in_the_answer_is_not_ours(driver_for: MakeDriver) -> None:
    with RawPbx(answer(OUTBOUND)) as pbx:
        assert driver_for(pbx.url).live_call(SESSION, "1.2") is None


# Hanging up, and the lists.


def test_a_leg_is_hung_up_by_its_channel(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        driver_for(pbx.url).hang_up_leg(SESSION, "PJSIP/1023-000000c0")

    assert sent(pbx) == (f"call/hangup?token={TOKEN}", {"channelid": "PJSIP/1023-000000c0"})


def test_a_leg_that_is_gone_is_over(driver_for: MakeDriver) -> None:
    with RawPbx(answer(FAILED % 10103)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).hang_up_leg(SESSION, "PJSIP/1023-000000c0")

    assert refusal.value.reason is Reason.CALL_OVER


def busy_with(*calls: list[Any]) -> bytes:
    numbercalls = [{"callid": f"1.{place}", "members": members} for place, members in enumerate(calls)]
    return json.dumps(
        {"status": "Success", "calllist": [{"number": "1002", "numbercalls": numbercalls}]}
    ).encode()


def test_an_extensions_oldest_call_is_hung_up_by_its_own_channel(
    driver_for: MakeDriver, observed: list[tuple[str, str]]
) -> None:
    calls = busy_with(
        [party("ext", "1002", "BYE")],
        [party("outbound", "500", "ANSWER"), party("ext", "1002", "ANSWERED")],
        [party("ext", "1002", "RING")],
    )
    with RawPbx(in_turn(calls, SUCCESS)) as pbx:
        driver_for(pbx.url).hang_up_extension(SESSION, "1002")

    assert all_sent(pbx) == [
        (f"extension/query_call?token={TOKEN}", {"number": "1002"}),
        (f"call/hangup?token={TOKEN}", {"channelid": "PJSIP/1002-0"}),
    ]
    assert observed == [("hangup", "ok")] * 2


@pytest.mark.parametrize(
    "body", [busy_with(), SUCCESS, FAILED % 10007, busy_with([party("ext", "1003", "RING")])]
)
def test_an_extension_in_no_call_has_none_to_end(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).hang_up_extension(SESSION, "1002")

    assert refusal.value.reason is Reason.CALL_OVER
    assert len(pbx.requests) == 1


@pytest.mark.parametrize(
    ("status", "usable"),
    [("Registered", True), ("registered", True), ("Failure", False), ("Disable", False), ("Unknown", None)],
)
def test_trunks(driver_for: MakeDriver, status: str, usable: bool | None) -> None:
    listed = {"trunkname": "siptrunk", "id": "1", "status": status, "type": "SIP"}
    with RawPbx(answer(json.dumps({"status": "Success", "trunklist": [listed]}).encode())) as pbx:
        assert driver_for(pbx.url).trunks(SESSION) == [TrunkState("siptrunk", status, "SIP", usable)]

    assert sent(pbx) == (f"trunk/list?token={TOKEN}", {})


def test_ivrs(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "ivr": [{"number": "6500", "ivrname": "Alarm", "prompt": "[Default]",
        "promptrepeat": "3"}]}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).ivrs(SESSION) == [Ivr("6500", "Alarm", "[Default]")]

    assert sent(pbx) == (f"ivr/query?token={TOKEN}", {"number": "all"})


def test_device(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "deviceinfo": {"devicename": "Yeastar S1000", "sn": "368193754239",
        "firmwarever": "80.5.0.29", "systemtime": "2019-10-22 17:09:43 UTC-8", "uptime": "00:20:59",
        "extensionstatus": "150/2000"}}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).device(SESSION) == Device("Yeastar S1000", "368193754239", "80.5.0.29")

    assert sent(pbx) == (f"deviceinfo/query?token={TOKEN}", {})


def test_records_are_asked_for_by_number(driver_for: MakeDriver) -> None:
    """The rest of the download is the same in both versions of the API."""
    with RawPbx(answer(FAILED % 20021)) as pbx:
        start, end = datetime(2019, 10, 24, tzinfo=UTC), datetime(2019, 10, 24, 16, tzinfo=UTC)
        assert list(driver_for(pbx.url).records(Session(f"{TOKEN}\n{REFRESH}"), start, end)) == []

    line, body = sent(pbx)
    assert line == f"cdr/get_random?token={TOKEN}"
    assert (body["number"], body["starttime"]) == ("all", "2019-10-24 00:00:00")


REQUESTS: tuple[Callable[[YeastarK2, Session], object], ...] = (
    lambda driver, session: driver.keep_alive(session),
    lambda driver, session: driver.live_calls(session),
    lambda driver, session: driver.live_call(session, "1.2"),
    lambda driver, session: driver.trunks(session),
    lambda driver, session: driver.ivrs(session),
    lambda driver, session: driver.device(session),
    lambda driver, session: driver.dial(session, ORDER),
    lambda driver, session: driver.hang_up_leg(session, "1.3"),
    lambda driver, session: driver.logout(session),
)


def test_every_request_names_the_token_alone_and_the_operations_are_a_closed_set(
    driver_for: MakeDriver, observed: list[tuple[str, str]]
) -> None:
    body = b'{"status":"Success","token":"t","refreshtoken":"r","callid":"1.2","deviceinfo":{}}'
    with RawPbx(answer(body)) as pbx:
        driver = driver_for(pbx.url)
        session = driver.login()
        for request_it in REQUESTS:
            request_it(driver, session)

    assert [line.partition("?")[2] for line, _ in all_sent(pbx)[1:]] == ["token=t"] * (len(pbx.requests) - 1)
    elsewhere = {"listen", "record_ticket", "records"}
    assert {operation for operation, _ in observed} | elsewhere == set(YeastarK2.operations)
