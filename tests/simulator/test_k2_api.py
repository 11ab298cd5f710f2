"""The web API of the simulated K2, beside the manual of the API v2.0.0."""

import contextlib
import json
import re

import httpx
import pytest

from dispatcher.simulator import Behaviour, Fault, IvrSettings, QueueSettings, TrunkSettings


def test_the_login_tells_the_way_of_reports(start_k2, sink):
    rig = start_k2(login=False)
    answer = rig.client.login(sink.port)
    assert (answer["status"], answer["transport"], len(answer["token"])) == ("Success", "HTTP", 32)
    assert "refreshtoken" not in answer


def test_with_tcp_the_login_needs_no_port(start_k2):
    rig = start_k2(login=False, report_transport="tcp")
    assert rig.client.login("")["transport"] == "TCP"
    assert rig.pbx.report_port not in (0, rig.pbx.port)
    assert rig.client.dial("31600000001")["status"] == "Success"


def test_each_request_takes_a_connection_of_its_own(k2):
    response = k2.client.raw("POST", f"/api/v2.0.0/trunk/list?token={k2.client.token}")
    assert response.headers["connection"] == "close"
    assert response.json()["trunklist"] == [
        {"trunkname": "SPS-6-36", "id": "1", "status": "registered", "type": "SIP"}
    ]
    assert k2.client.raw("POST", "/api/v1.1.0/login", json={}).status_code == 404


@pytest.mark.parametrize("version", [None, "1.0.0", "1.0.2"])
def test_who_asks_for_no_version_or_another_gets_reports_in_the_old_format(start_k2, sink, version):
    rig = start_k2(login=False)
    rig.client.login(sink.port, **({"version": version} if version else {"version": ""}))
    if version != "1.0.2":
        rig.pbx.set_default(Behaviour.BUSY)
        rig.call("31600009999")
        assert sink.actions() == ["CallFailed", "NewCdr"]
    else:
        rig.call("31600000001")
        assert sink.actions()[:3] == ["RING", "ALERT", "ANSWERED"]
        assert sink.reports[0]["call"][0]["outbound"]["to"] == "31600000001"


def test_a_heartbeat_without_the_version_falls_back_to_the_old_format(k2, sink):
    where = {"ipaddr": "127.0.0.1", "port": sink.port}
    assert k2.client.post("heartbeat", where)["status"] == "Success"
    k2.call("31600000486")
    assert k2.client.post("heartbeat", where | {"version": "2.0.0"})["status"] == "Success"
    k2.call("31600000486")
    words = [r.get("action") or r.get("event") for r in sink.reports]
    assert words == ["CallFailed", "NewCdr", "CallFailed", "NewCdr"]
    assert ["event" in r for r in sink.reports] == [False, False, True, True]


def test_a_token_is_renewed_with_its_refresh_token_once(start_k2, sink):
    rig = start_k2(refresh_tokens=True, login=False)
    first = rig.client.login(sink.port)
    renewed = rig.client.post("token/refresh", {"refreshtoken": first["refreshtoken"]})
    assert renewed["token"] != first["token"]
    assert rig.client.post("trunk/list", token=first["token"])["errno"] == "20004"
    again = rig.client.post("token/refresh", {"refreshtoken": first["refreshtoken"]})
    assert again == {"status": "Failed", "errno": "20004"}
    rig.client.token = renewed["token"]
    assert rig.call("31600000001")
    assert "NewCdr" in sink.events(), "reports go where they went before"


def test_sessions_lapse_and_addresses_are_locked(start_k2, sink):
    rig = start_k2(login=False)
    for _ in range(5):
        assert rig.client.login(sink.port, password="wrong")["errno"] == "20003"
    assert rig.client.login(sink.port)["errno"] == "20002"


PAIRS = [
    ({"caller": "6500", "callee": "931600000001", "dialpermission": "1000"}, ""),
    ({"caller": "6700", "callee": "931600000001", "dialpermission": "1000"}, ""),
    ({"caller": "6200", "callee": "931600000001", "dialpermission": "1000"}, ""),
    ({"caller": "931600000002", "callee": "931600000001", "dialpermission": "1000"}, ""),
    ({"caller": "1001", "callee": "931600000001"}, ""),
    ({"caller": "1001", "callee": "1002"}, ""),
    ({"caller": "1001", "callee": "6500"}, ""),
    ({"caller": "1001", "callee": "6700"}, ""),
    ({"caller": "6500", "callee": "1001", "dialpermission": "1000"}, "10101"),
    ({"caller": "6500", "callee": "6700", "dialpermission": "1000"}, "10101"),
    ({"caller": "8888", "callee": "931600000001", "dialpermission": "1000"}, "10101"),
    ({"caller": "6500", "callee": "831600000001", "dialpermission": "1000"}, "10031"),
    ({"caller": "6500", "callee": "931600000001"}, "10004"),
    ({"caller": "6500", "callee": "931600000001", "dialpermission": "7777"}, "10006"),
    ({"caller": "6500"}, "10004"),
]


@pytest.mark.parametrize(("body", "errno"), PAIRS)
def test_who_may_call_whom(k2, body, errno):
    answer = k2.client.post("call/dial", body)
    assert answer.get("errno", "") == errno
    assert ("callid" in answer) is not bool(errno)
    assert len(k2.pbx.judge.calls()) == (not errno)


def test_two_outside_numbers_take_two_channels(start_k2):
    rig = start_k2(trunks=(TrunkSettings("T", 3, prefix="9"),), time_scale=0.05)
    body = {"caller": "931600000002", "callee": "931600000001", "dialpermission": "1000"}
    assert rig.client.post("call/dial", body)["status"] == "Success"
    assert rig.pbx.judge.trunk("T").ours == 2
    assert rig.client.post("call/dial", body)["status"] == "Success"
    assert rig.pbx.judge.over_limits() == 1


@pytest.mark.parametrize(
    ("changes", "errno"),
    [
        ({}, ""),
        ({"volume": "0"}, ""),
        ({"volume": "20"}, ""),
        ({"volume": "21"}, "10104"),
        ({"volume": "-1"}, "10104"),
        ({"volume": "loud"}, "10104"),
        ({"count": "0"}, "10004"),
        ({"prompt": "+"}, "10023"),
        ({"number": "6500"}, "10101"),
        ({"dialpermission": ""}, "10004"),
    ],
)
def test_what_may_be_played_to_whom(k2, changes, errno):
    body = {"number": "931600000001", "prompt": "storm", "dialpermission": "1000"} | changes
    assert k2.client.post("call/playprompt", body).get("errno", "") == errno


def test_a_prompt_is_played_as_often_as_asked_for(k2, sink):
    k2.pbx.set_default(Behaviour.SILENT)
    body = {"number": "931600009999", "prompt": "storm+flood", "count": "3", "dialpermission": "1000"}
    k2.client.post("call/playprompt", body)
    k2.pbx.wait_idle()
    assert sink.events().count("PlayPromptEnd") == 3


def test_calls_are_looked_for_by_id_and_by_direction(start_k2):
    rig = start_k2(time_scale=0.05)
    rig.pbx.set_default(Behaviour.SILENT)
    callid = rig.client.dial("31600009999")["callid"]
    theirs = rig.pbx.place_other("SPS-6-36", direction="inbound", number="5550199", extension="1010")
    rig.pbx.judge.wait_for(lambda judge: judge.call(callid).answered is not None)
    leg = rig.pbx.judge.call(callid).outboundid
    seen = rig.client.post("call/query", {"callid": callid})["Calls"]
    assert re.fullmatch(r"PJSIP/trunk-SPS-6-36-endpoint-[0-9a-f]{8}", leg)
    assert seen == [
        {
            "members": [
                {
                    "outbound": {
                        "from": "6500",
                        "to": "31600009999",
                        "trunkname": "SPS-6-36",
                        "channelid": leg,
                        "memberstatus": "ANSWER",
                        "callpath": "6500",
                    }
                }
            ],
            "callid": callid,
        }
    ]
    assert rig.client.post("call/query", {"type": "outbound"})["Calls"] == seen
    (inbound,) = rig.client.post("call/query", {"type": "inbound"})["Calls"]
    assert inbound["callid"] == theirs
    assert [list(member) for member in inbound["members"]] == [["inbound"], ["ext"]]
    assert rig.client.post("call/query", {"callid": "1.1"})["errno"] == "10005"
    assert rig.client.post("call/query", {"type": "any"})["errno"] == "10004"


def test_a_call_that_does_not_ring_yet_is_up(start_k2):
    rig = start_k2(time_scale=1.0)
    callid = rig.client.dial("31600000001")["callid"]
    (call,) = rig.client.post("call/query", {"callid": callid})["Calls"]
    (member,) = call["members"]
    assert "memberstatus" not in member["outbound"]


def test_a_channel_is_hung_up(start_k2, sink):
    rig = start_k2(time_scale=1.0)
    rig.pbx.set_default(Behaviour.RINGS_FOREVER)
    callid = rig.client.dial("31600009999")["callid"]
    leg = rig.pbx.judge.call(callid).outboundid
    assert rig.client.post("call/hangup", {"channelid": leg}) == {"status": "Success", "callid": callid}
    rig.pbx.wait_idle()
    assert sink.events()[-2:] == ["CallStatus", "NewCdr"]
    assert "CallFailed" not in sink.events()
    assert rig.client.post("call/hangup", {"channelid": leg})["errno"] == "10103"
    assert rig.client.post("call/hangup", {})["errno"] == "10004"


def test_the_calls_of_extensions(start_k2):
    rig = start_k2(time_scale=1.0)
    rig.pbx.set_default(Behaviour.RINGS_FOREVER)
    callid = rig.client.post("call/dial", {"caller": "1001", "callee": "6500"})["callid"]
    first, second = rig.client.post("extension/query_call", {"number": "1001,1002"})["calllist"]
    assert (first["number"], second) == ("1001", {"number": "1002", "numbercalls": []})
    (call,) = first["numbercalls"]
    assert (call["callid"], list(call["members"][0])) == (callid, ["ext"])
    assert len(rig.client.post("extension/query_call", {"number": "all"})["calllist"]) == 11
    assert rig.client.post("extension/query_call", {"number": "7777"})["errno"] == "10006"


def test_the_ivrs(start_k2):
    rig = start_k2(ivrs=(IvrSettings("6500", repeats=2), IvrSettings("6501")))
    found = rig.client.post("ivr/query", {"number": "all"})["ivr"]
    assert [(ivr["number"], ivr["promptrepeat"]) for ivr in found] == [("6500", "2"), ("6501", "3")]
    assert len(rig.client.post("ivr/query", {"number": "6501"})["ivr"]) == 1
    assert rig.client.post("ivr/query", {"number": "6599"})["errno"] == "10012"


def test_the_device(start_k2):
    rig = start_k2(timezone="America/New_York", clock_ahead=3600)
    device = rig.client.post("deviceinfo/query")["deviceinfo"]
    assert device["sn"] == "369362089179"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC-[45]", device["systemtime"])


def test_records_are_downloaded_by_number(k2):
    callid = k2.call("31600000486")
    wanted = {"starttime": "2020-01-01 00:00:00", "endtime": "2099-01-01 00:00:00"}
    answer = k2.client.post("cdr/get_random", {"number": "all"} | wanted)
    assert answer["number"] == "all"
    query = {key: answer[key] for key in ("number", "starttime", "endtime", "random")}
    response = k2.client.raw("GET", "/api/v2.0.0/cdr/download", params=query | {"token": k2.client.token})
    head, row, _ = response.text.split("\r\n")
    assert head.startswith("callid,timestart,callfrom,callto")
    assert row.startswith(callid)
    again = k2.client.raw("GET", "/api/v2.0.0/cdr/download", params=query | {"token": k2.client.token})
    assert json.loads(again.text)["errno"] == "20020"


@pytest.mark.parametrize(("words", "written"), [("english", "NO ANSWERED"), ("chinese", "NO ANSWER")])
def test_a_record_has_only_the_words_of_the_table(start_k2, sink, words, written):
    rig = start_k2(cdr_words=words)
    rig.call("31600000404")
    assert sink.event("NewCdr")["status"] == written


def test_a_queue_without_agents_is_none(start_k2):
    rig = start_k2(queues=(QueueSettings("6701"),))
    body = {"caller": "6700", "callee": "931600000001", "dialpermission": "1000"}
    assert rig.client.post("call/dial", body)["errno"] == "10101"


@pytest.mark.parametrize(
    ("fault", "placed"),
    [(Fault.DIAL_LOST_BEFORE, 0), (Fault.DIAL_500, 0), (Fault.DIAL_502, 1), (Fault.ERROR_30001, 0)],
)
def test_the_faults_of_dials_are_those_of_every_family(k2, fault, placed):
    k2.pbx.arm(fault)
    body = {"caller": "6500", "callee": "931600000001", "dialpermission": "1000"}
    with contextlib.suppress(httpx.TransportError):
        k2.client.raw("POST", f"/api/v2.0.0/call/dial?token={k2.client.token}", json=body)
    assert len(k2.pbx.judge.calls()) == placed
    assert len(k2.pbx.judge.dials()) == 1
