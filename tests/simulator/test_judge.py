"""Channels, hang-ups, restarts and what the judge says of them."""

import json
import time

import httpx
import pytest

from dispatcher.simulator import Behaviour, Fault, Faults, SimulatedPbx, SimulatorSettings, TrunkSettings

TALKING = {"time_scale": 1, "behaviour": Behaviour.SILENT}


@pytest.fixture
def busy(start):
    """Two channels, and calls that last longer than the test."""
    return start(trunks=(TrunkSettings("SPS-6-36", 2, prefix="9"),), **TALKING)


def test_a_full_trunk_fails_the_call_with_503_and_convicts_the_dispatcher(busy, sink):
    for number in ("31600010001", "31600020001"):
        busy.client.dial(number)
    assert busy.pbx.judge.over_limits() == 0
    third = busy.client.dial("31600030001")
    assert third["status"] == "Success"
    sink.wait(lambda s: s.actions(third["callid"]) == ["CallFailed", "NewCdr"])
    assert sink.only("CallFailed")["reason"] == "503 Service Unavailable"
    judge = busy.pbx.judge
    trunk = judge.trunk("SPS-6-36")
    assert (judge.over_limits(), trunk.ours, trunk.peak_ours, trunk.peak) == (1, 2, 2, 2)
    assert judge.call(third["callid"]).over_limit
    assert [entry.kind for entry in judge.log()].count("over_limit") == 1


def test_peoples_calls_take_channels_too(busy):
    busy.pbx.place_other("SPS-6-36", seconds=5)
    busy.client.dial("31600010001")
    busy.client.dial("31600020001")
    trunk = busy.pbx.judge.trunk("SPS-6-36")
    assert (trunk.ours, trunk.others, trunk.peak, trunk.over_limit) == (1, 1, 2, 1)
    with pytest.raises(RuntimeError, match="no free channel"):
        busy.pbx.place_other("SPS-6-36")
    assert len(busy.client.post("outbound/query")["outbound"]) == 2


def test_a_channel_is_free_again_when_its_call_is_over(start):
    rig = start(trunks=(TrunkSettings("SPS-6-36", 1, prefix="9"),))
    for number in ("31600010001", "31600020486", "31600030003"):
        rig.call(number)
    trunk = rig.pbx.judge.trunk("SPS-6-36")
    assert (trunk.ours, trunk.peak_ours, trunk.placed, trunk.over_limit) == (0, 1, 3, 0)
    assert 0 < trunk.utilisation() <= 1


def test_turnaround_is_the_time_a_freed_channel_waits_for_its_next_call(start):
    rig = start(trunks=(TrunkSettings("SPS-6-36", 2, prefix="9"),))
    for number in ("31600010486", "31600020486", "31600030486"):
        rig.call(number)
        time.sleep(0.05)
    first, second = rig.pbx.judge.turnarounds("SPS-6-36")
    assert 0.05 <= min(first, second) <= max(first, second) < 0.5


def test_a_number_that_is_called_while_it_is_being_called(busy):
    first = busy.client.dial("31600010001")["callid"]
    second = busy.client.dial("31600010001")["callid"]
    assert busy.pbx.judge.overlaps() == [("31600010001", second, first)]
    assert busy.pbx.judge.dials_per_number() == {"31600010001": 2}


def test_hanging_up_a_ringing_call(busy, sink):
    callid = busy.client.dial("31600010006")["callid"]
    sink.wait(lambda s: "ALERT" in s.actions())
    (live,) = busy.client.post("outbound/query")["outbound"]
    assert (live["to"], live["status"]) == ("31600010006", "Progress")
    assert busy.client.post("outbound/hangup", {"outboundid": live["outboundid"]}) == {"status": "Success"}
    sink.wait(lambda s: s.actions(callid)[2:] == ["CallFailed", "NewCdr"])
    assert sink.only("CallFailed")["reason"] == "487 Request Terminated"
    assert busy.client.post("outbound/hangup", {"outboundid": live["outboundid"]})["errno"] == "10007"


def test_hanging_up_an_answered_call(start, sink):
    rig = start(time_scale=0.01)
    callid = rig.client.dial("31600010006")["callid"]
    sink.wait(lambda s: "ANSWERED" in s.actions())
    live = rig.client.post("outbound/query", {"outboundid": rig.pbx.judge.call(callid).outboundid})[
        "outbound"
    ]
    assert live[0]["status"] == "Talking"
    rig.client.post("outbound/hangup", {"outboundid": live[0]["outboundid"]})
    rig.pbx.wait_idle()
    assert sink.actions()[-3:] == ["BYE", "BYE", "NewCdr"]
    assert sink.only("NewCdr")["status"] == "ANSWERED"
    assert rig.pbx.judge.call(callid).cause == "hung up by the API"


def test_hanging_up_an_extension_and_an_inbound_call(busy, sink):
    callid = busy.client.post("ivr/dial_extension", {"ivrid": "6500", "extid": "1003"})["callid"]
    assert busy.client.post("extension/hangup", {"extid": "1003"}) == {"status": "Success"}
    person = busy.pbx.place_other("SPS-6-36", direction="inbound", seconds=60)
    sink.wait(lambda s: "ANSWER" in s.actions(person))
    assert busy.client.post("inbound/hangup", {"inboundid": person}) == {"status": "Success"}
    sink.wait(lambda s: "NewCdr" in s.actions(person) and "NewCdr" in s.actions(callid))
    busy.pbx.wait_idle()
    assert busy.pbx.judge.live() == 0


def test_a_person_can_hang_up_any_call(busy):
    callid = busy.client.dial("31600010006")["callid"]
    busy.pbx.hang_up(callid)
    assert busy.pbx.judge.call(callid).cause == "487 Request Terminated"
    with pytest.raises(KeyError):
        busy.pbx.hang_up(callid)


def test_a_restart_drops_calls_tokens_and_reports_and_tells_nobody(busy, sink):
    callid = busy.client.dial("31600010006")["callid"]
    sink.wait(lambda s: "ALERT" in s.actions())
    busy.pbx.restart()
    busy.pbx.wait_idle()
    assert sink.actions() == ["RING", "ALERT"]
    assert busy.pbx.judge.call(callid).cause == "restart"
    assert busy.pbx.judge.trunk("SPS-6-36").ours == 0
    assert busy.client.dial("31600010006")["errno"] == "20004"
    assert busy.client.login(sink.port)["status"] == "Success"
    assert busy.client.post("outbound/query")["outbound"] == []


def test_while_it_restarts_nobody_can_connect(start, sink):
    rig = start()
    rig.pbx.restart(seconds=1.0)
    time.sleep(0.2)
    with pytest.raises(httpx.TransportError):
        rig.client.post("outbound/query")
    time.sleep(1.5)
    assert rig.client.login(sink.port)["status"] == "Success"


def test_the_log_tells_the_whole_story(rig):
    callid = rig.call("31600000486")
    lines = rig.client.raw("GET", "/simulator/log").text.splitlines()
    entries = [json.loads(line) for line in lines]
    story = [
        entry["kind"] for entry in entries if entry.get("callid") == callid and entry["kind"] != "report"
    ]
    assert story == ["call_start", "dial", "call_end"]
    events = [(e["event"], e["action"]) for e in entries if e["kind"] == "report" and e["event"] != "sent"]
    assert sorted(events) == sorted(
        [(e, a) for e in ("made", "acknowledged") for a in ("CallFailed", "NewCdr")]
    )
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)


def test_the_judge_over_http(rig):
    callid = rig.call("31600000001")
    state = rig.client.raw("GET", "/simulator/state").json()
    assert (state["calls"], state["over_limit"], state["idle"], state["sessions"]) == (1, 0, True, 1)
    (call,) = rig.client.raw("GET", "/simulator/calls").json()
    assert (call["callid"], call["keys"], call["behaviour"]) == (callid, "1", "key_1")
    assert rig.client.raw("GET", "/simulator/nothing").status_code == 404
    assert rig.client.raw("POST", "/simulator/nothing").status_code == 404


def test_the_pbx_can_be_steered_over_http(rig, sink):
    assert rig.control("callees", {"31600001111": "busy", "default": "declines"}).status_code == 200
    assert rig.control("callees", {"31600001111": "asleep"}).status_code == 400
    assert rig.pbx.judge.call(rig.call("31600001111")).cause == "486 Busy Here"
    assert rig.pbx.judge.call(rig.call("31600002222")).cause == "603 Declined"
    people = rig.control("others", {"trunk": "SPS-6-36", "seconds": 0.05, "count": 3}).json()
    assert len(people["callids"]) == 3
    assert rig.pbx.judge.trunk("SPS-6-36").others == 3
    assert rig.control("others", {"trunk": "SPS-6-36", "count": 40}).status_code == 409
    assert rig.control("others", {"trunk": "nowhere"}).status_code == 400
    assert rig.control("trunks", {"SPS-6-36": "down"}).status_code == 200
    assert rig.control("trunks", {"SPS-6-36": "sideways"}).status_code == 400
    assert rig.pbx.judge.call(rig.call("31600000001")).cause == "503 Service Unavailable"
    assert rig.control("reset").status_code == 200
    assert rig.pbx.judge.calls() == []
    assert rig.pbx.judge.call(rig.call("31600002222")).keys == "1"
    assert rig.control("restart").status_code == 200
    assert rig.client.post("outbound/query")["errno"] == "20004"


def test_without_a_log_the_counts_remain(start):
    rig = start(keep_log=False)
    rig.call("31600000001")
    assert rig.pbx.judge.log() == []
    assert rig.pbx.judge.reports()["acknowledged"] == 8


def test_waiting_has_an_end(busy):
    busy.client.dial("31600010001")
    with pytest.raises(TimeoutError):
        busy.pbx.wait_idle(timeout=0.05)
    with pytest.raises(TimeoutError):
        busy.pbx.judge.wait_for(lambda judge: judge.over_limits() > 0, timeout=0.05)


def test_a_port_that_is_taken_is_an_error_and_stopping_frees_it(rig):
    with pytest.raises(OSError, match="in use"):
        SimulatedPbx(SimulatorSettings(port=rig.pbx.port)).start()
    port = rig.pbx.port
    rig.pbx.stop()
    with SimulatedPbx(SimulatorSettings(port=port)) as again:
        assert again.url == f"http://127.0.0.1:{port}"


def test_faults_and_callees_can_be_changed_while_it_runs(rig):
    rig.pbx.set_faults(Faults({Fault.ERROR_30001: 1}))
    assert rig.client.dial("31600000001")["errno"] == "30001"
    rig.pbx.reset()
    assert rig.client.dial("31600000001")["status"] == "Success"


def test_a_simulator_that_was_not_started_says_so():
    with pytest.raises(RuntimeError, match="not"):
        SimulatedPbx().restart()
    with pytest.raises(RuntimeError, match="not"):
        _ = SimulatedPbx().url


def test_a_number_that_is_dialled_after_its_delivery(rig):
    first = rig.call("31600000001")
    rig.call("31600000010")
    second = rig.call("31600000001")
    third = rig.call("31600000001")
    heard = rig.pbx.judge.dialled_after(lambda call: call.heard_at)
    assert heard == [("31600000001", second, first), ("31600000001", third, first)]
    assert rig.pbx.judge.dialled_after(lambda call: call.pressed_at("1")) == heard
    assert rig.pbx.judge.dialled_after(lambda call: call.pressed_at("29")) == []


def test_what_was_not_delivered_may_be_dialled_again(rig):
    rig.call("31600001486")
    rig.call("31600001486")
    assert rig.pbx.judge.dialled_after(lambda call: call.heard_at) == []


def test_the_moment_of_each_key(rig):
    call = rig.pbx.judge.call(rig.call("31600000014"))
    assert len(call.keys_at) == len(call.keys) == 5
    assert call.answered <= call.heard_at <= call.pressed_at("1") <= call.pressed_at("#") <= call.ended
    assert call.pressed_at("9") is None
