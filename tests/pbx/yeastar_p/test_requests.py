"""What is sent, and what is made of the answers (P-Series developer guide)."""

from collections.abc import Sequence
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import (
    Accepted,
    Device,
    DialOrder,
    Ivr,
    LiveCall,
    Message,
    TransferOrder,
    TrunkState,
)
from dispatcher.pbx.yeastar_p import YeastarP
from tests.pbx.drivers import Observed
from tests.pbx.raw_pbx import RawPbx, answer, in_turn
from tests.pbx.yeastar.newer import ORDER, REQUESTS
from tests.pbx.yeastar_p.conftest import (
    PAIR,
    REFRESH,
    SESSION,
    TOKEN,
    MakeDriver,
    asked,
    refusal,
    told,
)

CALL = told(call_id="1650095575.872")
NUMBER, EXTENSION = TargetKind.NUMBER, TargetKind.EXTENSION
QUERY = f"access_token={TOKEN}"

DIALS = [
    (
        DialOrder(NUMBER, "5503301", Message(MessageKind.IVR, "6200"), "2002"),
        "call/dial",
        {"caller": "6200", "callee": "5503301", "dial_permission": "2002"},
    ),
    (
        DialOrder(NUMBER, "5503301", Message(MessageKind.QUEUE, "6700"), "2002"),
        "call/dial",
        {"caller": "6700", "callee": "5503301", "dial_permission": "2002"},
    ),
    (
        DialOrder(NUMBER, "5503301", Message(MessageKind.RING_GROUP, "6300")),
        "call/dial",
        {"caller": "6300", "callee": "5503301"},
    ),
    (
        DialOrder(EXTENSION, "1005", Message(MessageKind.IVR, "6200"), "2002"),
        "call/dial",
        {"caller": "1005", "callee": "6200", "auto_answer": "no"},
    ),
    (
        DialOrder(NUMBER, "5503301", Message(MessageKind.PROMPT, "alert+all_clear", 2), "2002"),
        "call/play_prompt",
        {
            "number": "5503301",
            "prompts": ["alert", "all_clear"],
            "count": 2,
            "dial_permission": "2002",
        },
    ),
    (
        DialOrder(EXTENSION, "2000", Message(MessageKind.PROMPT, "test_prompt1")),
        "call/play_prompt",
        {"number": "2000", "prompts": ["test_prompt1"], "count": 1, "auto_answer": "no"},
    ),
]


@pytest.mark.parametrize(("order", "endpoint", "body"), DIALS)
def test_every_kind_of_call_has_its_request(
    driver_for: MakeDriver, order: DialOrder, endpoint: str, body: dict[str, Any]
) -> None:
    with RawPbx(answer(CALL)) as pbx:
        assert driver_for(pbx.url).dial(SESSION, order) == Accepted("1650095575.872")

    assert asked(pbx) == [("POST", f"{endpoint}?{QUERY}", body)]


@pytest.mark.parametrize("volume", [0, 20])
def test_prompts_are_as_loud_as_configured(driver_for: MakeDriver, volume: int) -> None:
    order = DialOrder(NUMBER, "5503301", Message(MessageKind.PROMPT, "alert"), "2002")
    with RawPbx(answer(CALL)) as pbx:
        driver_for(pbx.url, prompt_volume=volume).dial(SESSION, order)

    [(_, _, body)] = asked(pbx)
    assert body["volume"] == volume


@pytest.mark.parametrize(
    "order",
    [
        DialOrder(EXTENSION, "1005", Message(MessageKind.QUEUE, "6700")),
        DialOrder(NUMBER, "5503301", Message(MessageKind.IVR, "6200", 2)),
        DialOrder(TargetKind.USER, "anna", Message(MessageKind.IVR, "6200")),
    ],
)
def test_what_can_not_be_placed_is_not_sent(driver_for: MakeDriver, order: DialOrder) -> None:
    with RawPbx(answer(CALL)) as pbx:
        with pytest.raises(PbxRefused) as refused:
            driver_for(pbx.url).dial(SESSION, order)

    assert refused.value.reason is Reason.UNSUPPORTED
    assert pbx.requests == []


@pytest.mark.parametrize("body", [told(), told(call_id=""), told(call_id=None), told(call_id=["1.2"])])
def test_success_without_a_call_id_is_in_doubt(driver_for: MakeDriver, body: bytes) -> None:
    """The guide's older editions show none in the answer to play_prompt."""
    with RawPbx(answer(body)) as pbx, pytest.raises(PbxInDoubt) as doubt:
        driver_for(pbx.url).dial(SESSION, ORDER)

    assert doubt.value.reason is Reason.RESPONSE_UNREADABLE


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nothing", b'{"errmsg":"SUCCESS"}', b'{"errcode":"x"}', b'{"errcode":0']
)
def test_an_answer_that_says_neither_yes_nor_no_is_in_doubt(driver_for: MakeDriver, body: bytes) -> None:
    with RawPbx(answer(body)) as pbx, pytest.raises(PbxInDoubt) as doubt:
        driver_for(pbx.url).dial(SESSION, ORDER)

    assert doubt.value.reason is Reason.RESPONSE_UNREADABLE


MEMBERS = [
    {
        "outbound": {
            "from": "6500",
            "to": "5503301",
            "trunk_name": "siptrunk",
            "channel_id": "PJSIP/trunk-siptrunk-endpoint-00000014",
            "member_status": "RING",
            "call_path": "6500",
        }
    },
    {
        "extension": {
            "number": "1005",
            "channel_id": "PJSIP/1005-00000013",
            "member_status": "ALERT",
            "call_path": " ",
        }
    },
]
LEG = LiveCall(
    "PJSIP/trunk-siptrunk-endpoint-00000014",
    "5503301",
    "siptrunk",
    PartyKind.OUTBOUND,
    "6500",
    "1650095575.872",
    "RING",
)


def test_the_live_calls_of_each_direction(driver_for: MakeDriver) -> None:
    outbound = told(data=[{"call_id": "1650095575.872", "members": MEMBERS}])
    with RawPbx(in_turn(outbound, refusal(60001))) as pbx:
        assert driver_for(pbx.url).live_calls(SESSION) == [LEG]

    assert [request[:2] for request in asked(pbx)] == [
        ("GET", f"call/query?type=outbound&{QUERY}"),
        ("GET", f"call/query?type=inbound&{QUERY}"),
    ]


@pytest.mark.parametrize(
    ("body", "live"),
    [
        (told(data=[{"call_id": "1650095575.872", "members": MEMBERS}]), LEG),
        (told(data=[]), None),
        (told(), None),
        (refusal(60001), None),
    ],
)
def test_one_call(driver_for: MakeDriver, body: bytes, live: LiveCall | None) -> None:
    with RawPbx(answer(body)) as pbx:
        assert driver_for(pbx.url).live_call(SESSION, "1650095575.872") == live

    assert asked(pbx)[0][1] == f"call/query?call_id=1650095575.872&{QUERY}"


@pytest.mark.parametrize("code", [-2, -1, 40002, 70082])
def test_a_call_that_can_not_be_asked_for_is_not_gone(driver_for: MakeDriver, code: int) -> None:
    with RawPbx(answer(refusal(code))) as pbx, pytest.raises((PbxRefused, PbxInDoubt)):
        driver_for(pbx.url).live_call(SESSION, "1650095575.872")


def test_a_leg_is_hung_up_by_its_channel(driver_for: MakeDriver) -> None:
    with RawPbx(answer(told())) as pbx:
        driver_for(pbx.url).hang_up_leg(SESSION, "PJSIP/1005-00000013")

    assert asked(pbx) == [("POST", f"call/hangup?{QUERY}", {"channel_id": "PJSIP/1005-00000013"})]


def test_a_leg_is_put_through(driver_for: MakeDriver) -> None:
    with RawPbx(answer(told())) as pbx:
        driver_for(pbx.url).transfer(SESSION, TransferOrder("PJSIP/1005-00000013", EXTENSION, "1006"))

    body = {"type": "blind", "channel_id": "PJSIP/1005-00000013", "number": "1006"}
    assert asked(pbx) == [("POST", f"call/transfer?{QUERY}", body)]


def test_a_leg_that_is_gone(driver_for: MakeDriver) -> None:
    with RawPbx(answer(refusal(60001))) as pbx, pytest.raises(PbxRefused) as refused:
        driver_for(pbx.url).hang_up_leg(SESSION, "PJSIP/1005-00000013")

    assert refused.value.reason is Reason.CALL_OVER


def test_an_extensions_call_is_looked_up_to_be_hung_up(driver_for: MakeDriver) -> None:
    talking = {"number": "1005", "channel_id": "PJSIP/1005-customer", "member_status": "ANSWERED"}
    calls = [{"call_id": "1.1", "members": [{"extension": talking}]}, {"call_id": "1.2", "members": MEMBERS}]
    with RawPbx(in_turn(told(data=calls), told())) as pbx:
        driver_for(pbx.url).hang_up_extension(SESSION, "1005", "1.2")

    assert [request[1:] for request in asked(pbx)] == [
        (f"call/query?extension=1005&{QUERY}", None),
        (f"call/hangup?{QUERY}", {"channel_id": "PJSIP/1005-00000013"}),
    ]


PAGE = f"page=1&page_size=1000&{QUERY}"


def test_trunks(driver_for: MakeDriver) -> None:
    """The guide's sample of trunk/list, and states that are none of its table."""
    data = [
        {"id": 27, "status": 1, "name": "peer-to-41", "type": "peer", "host_port": "112.48.19.183:18211"},
        {"id": 29, "status": 42, "name": "account-for-34", "type": "account", "username": "6708"},
        {"id": 30, "status": 4, "name": "register", "type": "register"},
        {"id": 31, "status": 99, "name": "new", "type": "FXO"},
    ]
    with RawPbx(answer(told(total_number=4, data=data))) as pbx:
        found = driver_for(pbx.url).trunks(SESSION)

    assert found == [
        TrunkState("peer-to-41", "idle", "peer", True),
        TrunkState("account-for-34", "unreachable", "account", False),
        TrunkState("register", "registering", "register", None),
        TrunkState("new", "99", "FXO", None),
    ]
    assert asked(pbx) == [("GET", f"trunk/list?{PAGE}", None)]


def test_ivrs(driver_for: MakeDriver) -> None:
    data = [{"id": 1, "number": "6202", "name": "信息查询", "dial_ext_option": "disable"}]
    with RawPbx(answer(told(total_number=1, data=data))) as pbx:
        assert driver_for(pbx.url).ivrs(SESSION) == [Ivr("6202", "信息查询")]

    assert asked(pbx) == [("GET", f"ivr/list?{PAGE}", None)]


def test_device(driver_for: MakeDriver) -> None:
    data = {
        "device_name": "PBX",
        "model_name": "P-Series Software Edition",
        "sn": "3631A2124XXX",
        "firmware_version": "83.7.0.16",
    }
    with RawPbx(in_turn(told(data=data), told())) as pbx:
        driver = driver_for(pbx.url)
        assert driver.device(SESSION) == Device("P-Series Software Edition", "3631A2124XXX", "83.7.0.16")
        with pytest.raises(PbxInDoubt):
            driver.device(SESSION)


def entries(*numbers: int) -> list[dict[str, Any]]:
    return [{"number": str(number)} for number in numbers]


@pytest.mark.parametrize(
    ("pages", "numbers"),
    [
        ([told(total_number=3, data=entries(1, 2)), told(total_number=3, data=entries(3))], ["1", "2", "3"]),
        ([told(data=entries(1, 2)), told(data=entries(3)), told(data=[])], ["1", "2", "3"]),
        ([told(data=entries(1)), refusal(60001)], ["1"]),
        ([told(total_number=0, data=[])], []),
        ([refusal(60001)], []),
    ],
)
def test_a_list_is_read_to_its_end_however_long_its_pages_are(
    driver_for: MakeDriver, pages: Sequence[bytes], numbers: list[str]
) -> None:
    with RawPbx(in_turn(*pages)) as pbx:
        assert [ivr.number for ivr in driver_for(pbx.url).ivrs(SESSION)] == numbers

    assert [target.partition("&")[0] for _, target, _ in asked(pbx)] == [
        f"ivr/list?page={page}" for page in range(1, len(pages) + 1)
    ]


@pytest.mark.parametrize(
    "pages",
    [
        [told(total_number=3, data=entries(1)), told(total_number=3, data=[])],
        [told(total_number=3, data=entries(1)), refusal(-2)],
        [told(data=entries(1))] * 101,
    ],
)
def test_a_part_of_a_list_is_no_list(driver_for: MakeDriver, pages: Sequence[bytes]) -> None:
    with RawPbx(in_turn(*pages)) as pbx, pytest.raises(PbxInDoubt):
        driver_for(pbx.url).ivrs(SESSION)


def test_every_request_names_the_token_and_says_who_it_is(driver_for: MakeDriver, observed: Observed) -> None:
    """Without its User-Agent the PBX answers 40002, and it looks for the token in the query alone."""
    body = told(access_token=TOKEN, refresh_token=REFRESH, call_id="1.2", total_number=0, data={})
    with RawPbx(answer(body)) as pbx:
        driver = driver_for(pbx.url, report_transport="websocket")
        session = driver.login()
        for request_it in REQUESTS:
            request_it(driver, session)

    heads = [request.partition(b"\r\n\r\n")[0].decode().lower() + "\r\n" for request in pbx.requests]
    assert all(head.count("\r\nuser-agent:") == 1 and "\r\nuser-agent: openapi\r\n" in head for head in heads)
    assert "authorization" not in "".join(heads)
    assert {target.rpartition("access_token=")[2] for _, target, _ in asked(pbx)[1:]} == {TOKEN}
    assert {operation for operation, _ in observed} | {"listen", "records"} == set(YeastarP.operations)


def test_the_login_sends_the_secret_as_it_is(driver_for: MakeDriver, observed: Observed) -> None:
    with RawPbx(answer(PAIR)) as pbx:
        session = driver_for(pbx.url, report_transport="websocket").login()

    assert asked(pbx) == [("POST", "get_token", {"username": "api", "password": "correct horse"})]
    assert session.token.split("\n")[:2] == [TOKEN, REFRESH]
    assert observed == [("login", "ok")]
