"""Live calls, asked for and hung up, as the K2 API v2.0.0 manual has it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import LiveCall, TransferOrder
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer, in_turn
from tests.pbx.yeastar_k2.conftest import SESSION, TOKEN, MakeDriver
from tests.pbx.yeastar_k2.requests import FAILED, SUCCESS, all_sent, sent

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


def party(kind: str, number: str, status: str, leg: str = "") -> dict[str, dict[str, str]]:
    if kind == "ext":
        return {"ext": {"number": number, "channelid": leg or f"PJSIP/{number}-0", "memberstatus": status}}
    ends = {"from": number, "to": "1000"} if kind == "inbound" else {"from": "1000", "to": number}
    return {kind: ends | {"trunkname": "T", "channelid": f"PJSIP/{number}-1", "memberstatus": status}}


def test_live_calls_are_asked_for_by_direction(driver_for: MakeDriver, observed: Observed) -> None:
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


def test_one_call_is_asked_for_by_its_callid(driver_for: MakeDriver, observed: Observed) -> None:
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


def test_a_leg_is_hung_up_by_its_channel(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        driver_for(pbx.url).hang_up_leg(SESSION, "PJSIP/1023-000000c0")

    assert sent(pbx) == (f"call/hangup?token={TOKEN}", {"channelid": "PJSIP/1023-000000c0"})


def test_a_leg_is_put_through(driver_for: MakeDriver) -> None:
    order = TransferOrder("PJSIP/1023-000000c0", TargetKind.NUMBER, "95503301", "1000")
    with RawPbx(answer(SUCCESS)) as pbx:
        driver_for(pbx.url).transfer(SESSION, order)

    body = {"channelid": "PJSIP/1023-000000c0", "number": "95503301", "dialpermission": "1000"}
    assert sent(pbx) == (f"call/transfer?token={TOKEN}", body)


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


def test_of_an_extensions_calls_only_ours_is_hung_up(driver_for: MakeDriver, observed: Observed) -> None:
    calls = busy_with(
        [party("outbound", "500", "ANSWER"), party("ext", "1002", "ANSWERED", "PJSIP/1002-customer")],
        [party("ext", "1002", "RING")],
    )
    with RawPbx(in_turn(calls, SUCCESS)) as pbx:
        driver_for(pbx.url).hang_up_extension(SESSION, "1002", "1.1")

    assert all_sent(pbx) == [
        (f"extension/query_call?token={TOKEN}", {"number": "1002"}),
        (f"call/hangup?token={TOKEN}", {"channelid": "PJSIP/1002-0"}),
    ]
    assert observed == [("hangup", "ok")] * 2


@pytest.mark.parametrize(
    ("body", "callid"),
    [
        (busy_with(), "1.0"),
        (SUCCESS, "1.0"),
        (FAILED % 10007, "1.0"),
        (busy_with([party("ext", "1003", "RING")]), "1.0"),
        (busy_with([party("ext", "1002", "BYE")]), "1.0"),
        (busy_with([party("ext", "1002", "ANSWERED")]), "1.7"),
        (busy_with([party("ext", "1002", "ANSWERED")]), ""),
    ],
)
def test_an_extension_that_is_not_in_our_call_has_none_to_end(
    driver_for: MakeDriver, body: bytes, callid: str
) -> None:
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxRefused) as refusal:
            driver_for(pbx.url).hang_up_extension(SESSION, "1002", callid)

    assert refusal.value.reason is Reason.CALL_OVER
    assert len(pbx.requests) == 1
