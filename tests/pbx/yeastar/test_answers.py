"""What both versions of the API answer alike, and what is made of it."""

import json

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Device, DialOrder, Message, TrunkState
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer
from tests.pbx.yeastar.conftest import ORDER, SESSION, MakeDriver, Yeastar

SUCCESS = b'{"status": "Success"}'


def test_capabilities_are_what_dial_places(version: type[Yeastar]) -> None:
    kinds = version.capabilities

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


@pytest.mark.parametrize(
    ("body", "callid"),
    [
        (b'{"status":"success","callid":1495698843.210}', "1495698843.210"),
        (b'\xef\xbb\xbf{"status": "Success", "callid": "1495698843.215",}\r\n', "1495698843.215"),
    ],
)
def test_a_sloppy_success(driver_for: MakeDriver, body: bytes, callid: str) -> None:
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).dial(SESSION, ORDER).callid == callid


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html></html>",
        b"[]",
        b"{}",
        SUCCESS,
        b'{"status":"Success","callid":""}',
        b'{"status":"Success","callid":"1495698843.2',
        b'{"status":"Success","callid":"1495698843.2"',
        b'{"status":"Perhaps","callid":"1495698843.2"}',
        b'{"status":"Failed"}',
        b'{"status":"Failed","errno":"x"}',
    ],
)
def test_an_answer_without_a_callid_is_in_doubt(
    driver_for: MakeDriver, observed: Observed, body: bytes
) -> None:
    with RawPbx(answer(body)) as pbx:
        with pytest.raises(PbxInDoubt):
            driver_for(pbx.url).dial(SESSION, ORDER)

    assert len(pbx.requests) == 1
    assert observed[-1][0] == "dial"


def test_login_without_a_token_is_no_session(driver_for: MakeDriver) -> None:
    with RawPbx(answer(SUCCESS)) as pbx:
        with pytest.raises(PbxInDoubt):
            driver_for(pbx.url).login()


@pytest.mark.parametrize(
    ("status", "usable"),
    [
        ("Registered", True),
        ("registered", True),
        ("Idle", True),
        ("Busy", True),
        ("Up", True),
        ("failure", False),
        ("Disable", False),
        ("Fault", False),
        ("Alarm", False),
        ("Down", False),
        ("Power Off", False),
        ("No SIM", False),
        ("No Signal", False),
        ("Pin Error", False),
        ("Unregister", False),
        ("Unknown", None),
        ("Registering", None),
        ("", None),
    ],
)
def test_the_status_of_a_trunk(driver_for: MakeDriver, status: str, usable: bool | None) -> None:
    listed = {"status": "Success", "trunklist": [{"trunkname": "voip123", "status": status, "type": "SIP"}]}
    with RawPbx(answer(json.dumps(listed).encode())) as pbx:
        assert driver_for(pbx.url).trunks(SESSION) == [TrunkState("voip123", status, "SIP", usable)]


def test_the_device(driver_for: MakeDriver) -> None:
    body = b"""{"status": "Success", "deviceinfo": {"devicename": "Yeastar S100", "sn": "369364835218",
        "hardwarever": "V1.30 0000-0000", "firmwarever": "30.5.0.19"}}"""
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).device(SESSION) == Device("Yeastar S100", "369364835218", "30.5.0.19")
