"""The events of the simulated K2, field by field, beside the samples of its manual."""

import json

import pytest

from dispatcher.simulator import (
    BEHAVIOUR_BY_SUFFIX,
    Behaviour,
    DeliverySettings,
    ExtensionSettings,
    Fault,
    Faults,
    TrunkSettings,
)

SN = "369362089179"


def outbound(rig, callid, **more):
    leg = rig.pbx.judge.call(callid).outboundid
    party = {"from": "6500", "to": "31600000001", "trunkname": "SPS-6-36", "channelid": leg}
    return {"outbound": party | more}


def test_the_events_of_an_ivr_call(k2, sink):
    callid = k2.call("31600000001")
    rings, answers, prompt, key, bye, cdr = sink.reports
    for status, event in [("RING", rings), ("ANSWER", answers), ("BYE", bye)]:
        member = outbound(k2, callid, memberstatus=status, callpath="6500")
        assert event == {"event": "CallStatus", "callid": callid, "members": [member], "sn": SN}
    assert prompt == {
        "event": "PlayPromptEnd",
        "callid": callid,
        "members": [outbound(k2, callid, callpath="6500")],
        "ivr": {"number": "6500"},
        "sn": SN,
    }
    pressed = outbound(k2, callid, memberstatus="ANSWER", callpath="6500")
    assert key == {
        "event": "DTMF",
        "callid": callid,
        "members": [pressed],
        "info": "1",
        "flag": "0",
        "sn": SN,
    }
    assert list(cdr) == [
        *("event", "callid", "timestart", "callfrom", "callto", "callduraction", "talkduraction"),
        *("srctrunkname", "dsttrcunkname", "pincode", "status", "type", "recording", "didnumber"),
        *("agentringtime", "sn"),
    ]
    assert (cdr["callfrom"], cdr["callto"], cdr["dsttrcunkname"]) == ("6500", "31600000001", "SPS-6-36")


def test_requests_have_two_accept_headers_and_a_connection_each(k2, sink):
    k2.call("31600000486")
    assert len(set(sink.clients)) == len(sink.reports) == 2
    assert sink.headers[0]["User-Agent"] == "WebAPI"


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"caller": "6500", "callee": "931600000001", "dialpermission": "1000"}, ("outbound", "ivr", True)),
        ({"caller": "1001", "callee": "6500"}, ("ext", "ivr", True)),
        ({"number": "931600000001", "prompt": "a", "dialpermission": "1000"}, ("outbound", "prompt", False)),
        ({"number": "1001", "prompt": "a"}, ("ext", "prompt", False)),
    ],
)
def test_the_shapes_of_prompt_ends(k2, sink, body, shape):
    endpoint = "call/playprompt" if "prompt" in body else "call/dial"
    assert k2.client.post(endpoint, body)["status"] == "Success"
    k2.pbx.wait_idle()
    end = sink.event("PlayPromptEnd")
    (member,) = end["members"]
    ((kind, party),) = member.items()
    assert (kind, "ivr" if "ivr" in end else "prompt", "callpath" in party) == shape
    assert "memberstatus" not in party
    assert party.get("from", "") == ("" if kind == "ext" else "prompt" if "prompt" in end else "6500")


def states(sink):
    shown = []
    for report in sink.reports:
        if report["event"] == "CallStatus":
            shown.append([(kind, p["memberstatus"]) for m in report["members"] for kind, p in m.items()])
    return shown


def test_an_extension_that_calls_out_rings_first(k2, sink):
    k2.client.post("call/dial", {"caller": "1001", "callee": "931600000002"})
    k2.pbx.wait_idle()
    assert states(sink) == [
        [("ext", "ALERT")],
        [("ext", "ALERT"), ("outbound", "RING")],
        [("ext", "ANSWERED"), ("outbound", "ANSWER")],
        [("ext", "ANSWERED"), ("outbound", "BYE")],
        [("ext", "BYE"), ("outbound", "BYE")],
    ]
    assert [r["status"] for r in sink.reports if r["event"] == "ExtensionStatus"] == [
        "Ringing",
        "Busy",
        "Idle",
    ]


def test_an_agent_takes_the_call_of_a_queue(k2, sink):
    k2.client.post("call/dial", {"caller": "6700", "callee": "931600000002", "dialpermission": "1000"})
    k2.pbx.wait_idle()
    assert states(sink) == [
        [("outbound", "RING")],
        [("outbound", "ANSWER")],
        [("outbound", "ANSWER"), ("ext", "RING")],
        [("outbound", "ANSWER"), ("ext", "ANSWER")],
        [("outbound", "BYE"), ("ext", "ANSWER")],
        [("outbound", "BYE"), ("ext", "BYE")],
    ]
    assert sink.event("NewCdr")["agentringtime"] == "4"


def test_without_a_status_monitor_there_is_no_call_status(start_k2, sink):
    rig = start_k2(
        trunks=(TrunkSettings("T", 1, prefix="9", monitored=False),),
        extensions=(ExtensionSettings("1000", monitored=False),),
    )
    rig.call("31600000001")
    assert sink.events() == ["PlayPromptEnd", "DTMF", "NewCdr"]


FAILURES = {
    "0000": "480 Temporatily Unavailable",
    "0032": "DND",
    "0033": "Line Unreachable",
    "0034": "NO Outbound Restriction",
    "0404": "404 NOT found",
    "0480": "408 Request Time",
    "0484": "484 Address incomplete",
    "0486": "486 Busy here",
    "0503": "Circuit/channel congestion",
    "0603": "603 Declined",
}


@pytest.mark.parametrize("code", FAILURES)
def test_failures_in_the_words_of_the_manual(k2, sink, code):
    callid = k2.call("3160000" + code)
    failed = sink.event("CallFailed")
    assert list(failed) == ["callid", "event", "reason", "members", "sn"]
    assert (failed["callid"], failed["reason"], failed["members"]) == (callid, FAILURES[code], [])
    assert k2.pbx.judge.call(callid).cause == FAILURES[code]
    assert sink.events()[-2:] == ["CallFailed", "NewCdr"]


def test_an_extension_that_is_busy_is_named(start_k2, sink):
    rig = start_k2()
    rig.pbx.set_callee("1001", Behaviour.BUSY)
    rig.client.post("call/dial", {"caller": "1001", "callee": "6500"})
    rig.pbx.wait_idle()
    failed = sink.event("CallFailed")
    assert (failed["reason"], failed["members"][0]["ext"]["number"]) == ("User Busy", "1001")


def test_failures_may_name_the_outside_party(start_k2, sink):
    rig = start_k2(outside_in_call_failed=True)
    rig.call("31600000486")
    assert sink.event("CallFailed")["members"][0]["outbound"]["to"] == "31600000486"


@pytest.mark.parametrize("code", [c for c, b in BEHAVIOUR_BY_SUFFIX.items() if b is not Behaviour.BAD_NUMBER])
def test_every_callee_comes_to_an_end(k2, sink, code):
    callid = k2.call("3160000" + code)
    assert sink.events(callid)[-1] == "NewCdr"
    assert k2.pbx.judge.call(callid).ended is not None


def test_a_status_after_the_record(k2, sink):
    k2.pbx.arm(Fault.STATUS_AFTER_CDR)
    k2.call("31600000001")
    assert sink.events()[-2:] == ["NewCdr", "CallStatus"]
    assert states(sink)[-1] == [("outbound", "BYE")]


def test_members_that_are_empty(k2, sink):
    k2.pbx.set_faults(Faults({Fault.EMPTY_MEMBERS: 1.0}))
    k2.call("31600000001")
    assert [r["members"] for r in sink.reports if "members" in r] == [[]] * 5


def test_a_phantom_record(k2, sink):
    k2.pbx.arm(Fault.EXTRA_CDR)
    k2.call("31600000001")
    real, phantom = [r for r in sink.reports if r["event"] == "NewCdr"]
    assert real["callid"] == phantom["callid"]
    assert (phantom["status"], phantom["callduraction"], phantom["talkduraction"]) == ("NO ANSWER", "1", "0")


def test_malformed_events(start_k2, sink):
    rig = start_k2(faults=Faults({Fault.MALFORMED_REPORT: 1.0}))
    rig.call("31600000014")
    rig.client.post("call/dial", {"caller": "1001", "callee": "6500"})
    rig.pbx.set_callee("1001", Behaviour.BUSY)
    rig.pbx.wait_idle()
    rig.client.post("call/dial", {"caller": "1001", "callee": "6500"})
    rig.pbx.wait_idle()
    assert len(sink.raw) > 15
    for body in sink.raw:
        with pytest.raises(ValueError):
            json.loads(body)


@pytest.mark.parametrize(
    ("fault", "count"), [(Fault.DUPLICATE_REPORT, 12), (Fault.LOST_REPORT, 0), (Fault.REORDERED_REPORT, 6)]
)
def test_the_faults_of_reports_are_those_of_every_family(start_k2, sink, fault, count):
    rig = start_k2(faults=Faults({fault: 1.0}), delivery=DeliverySettings(keep_alive=True))
    rig.call("31600000001")
    assert len(sink.raw) == count


def test_after_a_restart_channels_are_numbered_anew(k2, sink):
    first = k2.pbx.judge.call(k2.call("31600000486")).outboundid
    k2.pbx.restart()
    k2.client.login(sink.port)
    assert k2.pbx.judge.call(k2.call("31600000486")).outboundid == first
