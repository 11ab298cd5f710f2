"""The simulated P-Series, spoken to by hand: tokens, calls, searches, webhooks, the WebSocket."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dispatcher.simulator import (
    Behaviour,
    DeliverySettings,
    Fault,
    SimulatedPbx,
    SimulatorSettings,
    TrunkSettings,
)
from tests.simulator.conftest import PASSWORD, Sink

SECRET = "Pugghh14VCb05rtG7WGumbD4hwJPIvzu"
EVENTS = [30011, 30012, 30015, 30017, 30018]


class PSeries:
    """A box and a client that has a token."""

    def __init__(self, **changed: Any) -> None:
        settings: dict[str, Any] = {"family": "yeastar-p", "port": 0, "time_scale": 0.001}
        self.pbx = SimulatedPbx(SimulatorSettings(**(settings | changed))).start()
        self._http = httpx.Client(base_url=f"{self.pbx.url}/openapi/v1.0/", timeout=5)
        self.token = ""

    def stop(self) -> None:
        self._http.close()
        self.pbx.stop()

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"User-Agent": "OpenAPI"} | options.pop("headers", {})
        return self._http.request(method, path, headers=headers, **options)

    def post(self, endpoint: str, body: Any) -> dict[str, Any]:
        answer = self.raw("POST", endpoint, params={"access_token": self.token}, json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    def get(self, endpoint: str, **query: Any) -> dict[str, Any]:
        answer = self.raw("GET", endpoint, params={"access_token": self.token, **query})
        assert answer.status_code == 200
        return dict(answer.json())

    def log_in(self, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.post("get_token", {"username": "api", "password": password})
        self.token = answer.get("access_token", self.token)
        return answer

    def dial(self, number: str, **changed: Any) -> dict[str, Any]:
        return self.post(
            "call/dial", {"caller": "6500", "callee": f"9{number}", "dial_permission": "1000"} | changed
        )

    def call(self, number: str, **changed: Any) -> str:
        """Dial, and wait until all is over; the call's id."""
        callid = self.dial(number, **changed)["call_id"]
        self.pbx.wait_idle()
        return str(callid)

    def subscribed(self, *topics: int) -> ClientConnection:
        address = self.pbx.url.replace("http", "ws")
        connection = connect(
            f"{address}/openapi/v1.0/subscribe?access_token={self.token}",
            user_agent_header="OpenAPI",
            proxy=None,
        ).__enter__()
        connection.send(json.dumps({"topic_list": topics}))
        assert json.loads(connection.recv(timeout=5)) == {"errcode": 0, "errmsg": "SUCCESS"}
        return connection


StartP = Callable[..., PSeries]


@pytest.fixture
def start_p() -> Iterator[StartP]:
    running: list[PSeries] = []

    def make(*, log_in: bool = True, **changed: Any) -> PSeries:
        running.append(PSeries(**changed))
        if log_in:
            assert running[-1].log_in()["errcode"] == 0
        return running[-1]

    yield make
    for each in running:
        each.stop()


@pytest.fixture
def p(start_p: StartP) -> PSeries:
    return start_p()


def said(event: dict[str, Any]) -> dict[str, Any]:
    """What an event's `msg` says."""
    return dict(json.loads(event["msg"]))


def test_a_login_gives_a_pair(start_p: StartP) -> None:
    answer = start_p(log_in=False).log_in()

    assert answer.keys() == {
        "errcode",
        "errmsg",
        "access_token_expire_time",
        "access_token",
        "refresh_token_expire_time",
        "refresh_token",
    }
    assert (answer["access_token_expire_time"], answer["refresh_token_expire_time"]) == (1800, 86400)


def test_a_request_without_the_user_agent_is_a_wrong_parameter(p: PSeries) -> None:
    answer = p.raw("GET", "trunk/list", params={"access_token": p.token}, headers={"User-Agent": "curl"})
    assert answer.json()["errcode"] == 40002


def test_a_token_lapses_however_much_it_is_used(start_p: StartP) -> None:
    p = start_p(token_lifetime=0.5)
    codes = [p.get("trunk/list")["errcode"]]
    while codes[-1] == 0 and len(codes) < 10_000:
        codes.append(p.get("trunk/list")["errcode"])

    assert len(codes) > 2
    assert codes[-1] == 10004


def test_a_refresh_gives_a_new_pair_once(p: PSeries) -> None:
    refresh = p.log_in()["refresh_token"]
    fresh = p.post("refresh_token", {"refresh_token": refresh})

    assert fresh["access_token"] != p.token
    assert p.post("refresh_token", {"refresh_token": refresh})["errcode"] == 10004
    assert p.get("trunk/list")["errcode"] == 0, "the old one is good for its time"


def test_eight_tokens_are_all_that_there_are(p: PSeries) -> None:
    assert [p.log_in()["errcode"] for _ in range(8)] == [0] * 7 + [60002]
    p.get("del_token")
    assert p.get("trunk/list")["errcode"] == 10004
    assert p.log_in()["errcode"] == 0


def test_five_wrong_secrets_block_the_address(p: PSeries) -> None:
    assert [p.log_in("guessed")["errcode"] for _ in range(6)] == [10005] * 5 + [70004]
    assert p.log_in()["errcode"] == 70004


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"caller": "6500"}, 40002),
        ({"caller": "6500", "callee": "90612345678"}, 40002),
        ({"caller": "6500", "callee": "1002", "dial_permission": "1000"}, 40002),
        ({"caller": "8888", "callee": "90612345678", "dial_permission": "1000"}, 40002),
        ({"caller": "6500", "callee": "90612345678", "dial_permission": "7777"}, 60001),
        ({"caller": "6500", "callee": "50612345678", "dial_permission": "1000"}, 40002),
        ([], 40001),
        ({}, 40002),
    ],
)
def test_dials_that_are_refused(p: PSeries, body: Any, code: int) -> None:
    assert p.post("call/dial", body)["errcode"] == code
    assert p.pbx.judge.calls() == []


def test_two_outside_numbers_are_answered_with_success_and_nothing_happens(p: PSeries) -> None:
    answer = p.dial("0612345678", caller="90612345679")

    assert (answer["errcode"], bool(answer["call_id"])) == (0, True)
    assert p.pbx.judge.calls() == []
    assert p.get("call/query", call_id=answer["call_id"])["errcode"] == 60001


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"number": "90612345678", "prompts": ["alert", "all_clear"], "dial_permission": "1000"}, 0),
        ({"number": "1002", "prompts": ["alert"], "count": 2, "volume": 20, "auto_answer": "no"}, 0),
        ({"number": "1002", "prompts": "alert"}, 40002),
        ({"number": "1002", "prompts": []}, 40002),
        ({"number": "1002", "prompts": ["alert"], "volume": 21}, 40002),
        ({"number": "1002", "prompts": ["alert"], "count": 0.5}, 40002),
        ({"number": "1002", "prompts": ["missing"]}, 60001),
    ],
)
def test_prompts(start_p: StartP, body: dict[str, Any], code: int) -> None:
    p = start_p(prompts=("alert", "all_clear"))
    assert p.post("call/play_prompt", body)["errcode"] == code


def test_a_number_that_is_not_allowed_is_told_of_by_an_event(start_p: StartP) -> None:
    p = start_p(
        trunks=(TrunkSettings("one", 2, prefix="9"), TrunkSettings("two", 2, prefix="8")),
    )
    p.pbx.set_callee("0612345678", Behaviour.BAD_NUMBER)
    connection = p.subscribed(30015)
    p.call("0612345678")
    failed = json.loads(connection.recv(timeout=5))
    connection.close()

    assert (failed["type"], said(failed)["reason"]) == (30015, "484 Address incomplete")


def test_live_calls_and_their_end(start_p: StartP) -> None:
    p = start_p(time_scale=1.0, behaviour=Behaviour.RINGS_FOREVER)
    callid = p.dial("0612345678")["call_id"]
    [call] = p.get("call/query", type="outbound")["data"]
    [member] = call["members"]

    assert call["call_id"] == callid
    assert member["outbound"]["call_path"] == "6500"
    assert p.get("call/query", type="inbound") == {"errcode": 60001, "errmsg": "DATA NOT FOUND"}
    assert p.get("call/query", extension="1002")["errcode"] == 60001
    channel = member["outbound"]["channel_id"]
    assert p.post("call/hangup", {"channel_id": channel})["errcode"] == 0
    p.pbx.wait_idle()
    assert p.post("call/hangup", {"channel_id": channel})["errcode"] == 60001


def test_lists_have_pages(start_p: StartP) -> None:
    p = start_p(trunks=tuple(TrunkSettings(f"trunk-{n}", 1, prefix=str(n)) for n in range(5)), largest_page=2)
    pages = [p.get("trunk/list", page=page, page_size=1000) for page in (1, 2, 3, 4)]

    assert [len(page["data"]) for page in pages] == [2, 2, 1, 0]
    assert {page["total_number"] for page in pages} == {5}
    p.pbx.set_trunk("trunk-0", down=True)
    assert p.get("trunk/list")["data"][0]["status"] == 42


@pytest.mark.parametrize(
    ("date_format", "half_days", "span"),
    [
        ("YYYY/MM/DD", False, ("2020/01/01 00:00:00", "2099/12/31 23:59:59")),
        ("DD-MM-YYYY", True, ("01-01-2020 12:00:00 AM", "31-12-2099 11:59:59 PM")),
    ],
)
def test_times_of_a_search_are_as_the_box_shows_them(
    start_p: StartP, date_format: str, half_days: bool, span: tuple[str, str]
) -> None:
    p = start_p(date_format=date_format, half_days=half_days)
    callid = p.call("0612345678")
    start, end = span
    found = p.get("cdr/search", start_time=start, end_time=end)
    [row] = found["data"]

    assert (found["total_number"], row["call_id"], row["disposition"]) == (1, callid, "ANSWERED")
    assert row["timestamp"] == int(callid.partition(".")[0])
    assert ("AM" in row["time"] or "PM" in row["time"]) is half_days
    assert p.get("cdr/search", start_time="0", end_time="2000000000")["total_number"] == 0
    assert p.get("cdr/list", page_size=1, order_by="desc")["data"] == [row]


def webhook(sink: Sink, **changed: Any) -> dict[str, Any]:
    return {
        "url": f"http://127.0.0.1:{sink.port}/reports/hq",
        "secret": SECRET,
        "request_method": "POST",
        "event_ids": EVENTS,
    } | changed


def test_webhooks_are_signed_and_say_it_twice_in_json(p: PSeries, sink: Sink) -> None:
    assert p.post("webhook/update", {"webhook_event_push_list": [webhook(sink)]})["errcode"] == 0
    callid = p.call("0612340014")

    for body, headers in zip(sink.raw, sink.headers, strict=True):
        expected = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        assert headers["X-Signature"] == expected
    assert {said(event)["call_id"] for event in sink.reports} == {callid}
    assert {event["type"] for event in sink.reports} == {30011, 30012, 30017, 30018}
    keys = [said(event) for event in sink.reports if event["type"] == 30017]
    assert [key["info"] for key in keys] == ["1", "2", "3", "4", "#", " "]
    assert keys[-1]["infos"] == "1234#"
    [record] = [said(event) for event in sink.reports if event["type"] == 30012]
    assert isinstance(record["talk_duration"], int)
    assert record["src_trunk_name"] == " "


def test_the_list_of_webhooks_is_replaced_as_a_whole(p: PSeries, sink: Sink) -> None:
    other = webhook(sink, url=f"http://127.0.0.1:{sink.port}/other", event_ids=[30012])
    p.post("webhook/update", {"webhook_event_push_list": [webhook(sink), other]})
    assert p.get("webhook/query")["data"]["webhook_event_push_list"] == [webhook(sink), other]
    p.call("0612345678")
    assert sink.paths.count("/other") == 1
    assert len(sink.paths) > 2

    p.post("webhook/update", {"webhook_event_push_list": [other]})
    before = len(sink.paths)
    p.call("0612345678")
    assert sink.paths[before:] == ["/other"]


@pytest.mark.parametrize(
    "listed",
    [None, "all", [{}], [{"url": "http://127.0.0.1/"}]],
)
def test_webhooks_that_lack_something_are_refused(p: PSeries, listed: Any) -> None:
    assert p.post("webhook/update", {"webhook_event_push_list": listed})["errcode"] == 40002


def test_five_webhooks_and_no_more(p: PSeries, sink: Sink) -> None:
    many = [webhook(sink, url=f"http://127.0.0.1:{sink.port}/{n}") for n in range(6)]
    assert p.post("webhook/update", {"webhook_event_push_list": many})["errcode"] == 40002
    assert p.post("webhook/update", {"webhook_event_push_list": many[:5]})["errcode"] == 0


def test_a_webhook_outlives_tokens_and_restarts(p: PSeries, sink: Sink) -> None:
    p.post("webhook/update", {"webhook_event_push_list": [webhook(sink, event_ids=[0])]})
    p.pbx.expire_tokens()
    p.pbx.restart()
    assert p.get("trunk/list")["errcode"] == 10004
    p.log_in()
    p.call("0612345678")

    assert sink.raw


def test_an_event_that_is_not_taken_is_posted_again_three_times(start_p: StartP, sink: Sink) -> None:
    p = start_p(delivery=DeliverySettings(retry_interval=0.005))
    sink.statuses += [500] * 4
    p.post("webhook/update", {"webhook_event_push_list": [webhook(sink, event_ids=[30012])]})
    p.call("0612345678")
    p.call("0612345678")

    assert sink.raw[0] == sink.raw[1] == sink.raw[2] == sink.raw[3]
    assert len(sink.raw) == 5, "and then given up"
    assert p.pbx.judge.reports()["given_up"] == 1


def test_broken_events_are_broken_as_in_the_guide_and_signed_as_they_are(p: PSeries, sink: Sink) -> None:
    p.post("webhook/update", {"webhook_event_push_list": [webhook(sink, event_ids=[30012])]})
    p.pbx.arm(Fault.MALFORMED_REPORT, 100)
    p.call("0612345678")

    [body] = sink.raw
    assert b'"msg":"{"call_id":"' in body
    expected = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert sink.headers[0]["X-Signature"] == expected


def test_a_websocket_says_only_what_it_was_asked_for(p: PSeries) -> None:
    connection = p.subscribed(30012)
    connection.send("heartbeat")
    assert connection.recv(timeout=5) == "heartbeat response"
    callid = p.call("0612345678")
    event = json.loads(connection.recv(timeout=5))
    assert (event["type"], said(event)["call_id"]) == (30012, callid)
    connection.send("what?")
    assert json.loads(connection.recv(timeout=5))["errcode"] == 40001
    connection.close()
    p.call("0612345678")


def test_who_says_nothing_is_closed(p: PSeries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.simulator.yeastar_p.sockets.IDLE_SECONDS", 0.2)
    connection = p.subscribed(30012)
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=5)
    connection.close()


def test_a_websocket_needs_a_token(p: PSeries) -> None:
    p.token = "made-up"
    with pytest.raises(InvalidStatus) as refused:
        p.subscribed(30012)
    assert refused.value.response.status_code == 200
    assert json.loads(refused.value.response.body or b"{}")["errcode"] == 10004


def test_a_silent_websocket_loses_what_is_said(p: PSeries) -> None:
    connection = p.subscribed(30012)
    p.pbx.page("stream", {"silent": True})
    p.call("0612345678")
    p.pbx.page("stream", {"silent": False})
    callid = p.call("0612345678")

    assert said(json.loads(connection.recv(timeout=5)))["call_id"] == callid
    connection.close()


def test_what_is_not_of_the_api(p: PSeries) -> None:
    assert p.get("extension/list")["errcode"] == 10001
    assert p.post("call/park", {"x": 1})["errcode"] == 10001
    assert p.raw("GET", f"{p.pbx.url}/elsewhere").status_code == 404
