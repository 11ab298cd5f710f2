"""Every fault, and that the same seed repeats the same ones."""

import json
import time

import httpx
import pytest

from dispatcher.simulator import BEHAVIOUR_BY_SUFFIX, Fault, Faults, SimulatorSettings

FULL = ["RING", "ALERT", "ANSWERED", "PlayPromptEnd", "DTMF", "BYE", "BYE", "NewCdr"]


def test_duplicate_reports(start, sink):
    start(faults=Faults({Fault.DUPLICATE_REPORT: 1})).call("31600000486")
    assert sink.actions() == ["CallFailed", "CallFailed", "NewCdr", "NewCdr"]


def test_lost_reports(start, sink):
    rig = start(faults=Faults({Fault.LOST_REPORT: 1}, actions=frozenset({"NewCdr", "PlayPromptEnd"})))
    rig.call("31600000001")
    assert sink.actions() == [a for a in FULL if a not in ("NewCdr", "PlayPromptEnd")]
    assert rig.pbx.judge.reports()["lost"] == 2


def test_late_reports_are_overtaken(start, sink):
    faults = Faults({Fault.LATE_REPORT: 1}, actions=frozenset({"ANSWERED"}), late_seconds=0.2)
    start(faults=faults).call("31600000001")
    assert sink.actions() == [*(a for a in FULL if a != "ANSWERED"), "ANSWERED"]
    assert sink.arrived[-1] - sink.arrived[0] > 0.18


def test_reordered_reports_change_places_with_the_next(start, sink):
    start(faults=Faults({Fault.REORDERED_REPORT: 1}, actions=frozenset({"DTMF"}))).call("31600000001")
    assert sink.actions() == ["RING", "ALERT", "ANSWERED", "PlayPromptEnd", "BYE", "DTMF", "BYE", "NewCdr"]


def test_a_reordered_last_report_still_arrives(start, sink):
    start(faults=Faults({Fault.REORDERED_REPORT: 1}, actions=frozenset({"NewCdr"}))).call("31600000001")
    assert sink.actions() == FULL


def test_malformed_reports_are_malformed_as_in_the_manual(start, sink):
    rig = start(faults=Faults({Fault.MALFORMED_REPORT: 1}))
    rig.call("31600000001")
    rig.call("31600000486")
    by_action = {body.split(b'"')[3]: body for body in sink.raw}
    assert b'"playtonum":"31600000001" "sn"' in by_action[b"PlayPromptEnd"]
    assert by_action[b"CallFailed"].count(b'",},') == 1
    assert by_action[b"NewCdr"].endswith(b",}")
    for body in sink.raw:
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)


def test_two_parties_become_keys_of_one_object(start, sink):
    rig = start(faults=Faults({Fault.MALFORMED_REPORT: 1}, actions=frozenset({"RING"})))
    rig.client.post("extension/dial_outbound", {"extid": "1005", "outto": "931600009999"})
    rig.pbx.wait_idle()
    assert b'"},"ext":{"extid":"1005"}}]' in sink.raw[0]


def test_reports_before_the_dial_response(start, sink):
    rig = start(faults=Faults({Fault.EARLY_REPORTS: 1}, early_seconds=0.3))
    answer = rig.client.dial("31600000486")
    answered = time.monotonic()
    assert sink.actions(answer["callid"]) == ["CallFailed", "NewCdr"]
    assert sink.arrived[-1] < answered


def test_a_slow_response(start):
    rig = start(faults=Faults({Fault.SLOW_RESPONSE: 1}, slow_seconds=0.2))
    before = time.monotonic()
    assert rig.client.dial("31600000486")["status"] == "Success"
    assert time.monotonic() - before > 0.19


@pytest.mark.parametrize(("fault", "placed"), [(Fault.DIAL_LOST_AFTER, 1), (Fault.DIAL_LOST_BEFORE, 0)])
def test_a_dial_response_that_is_lost(rig, fault, placed):
    rig.pbx.arm(fault)
    with pytest.raises(httpx.RemoteProtocolError):
        rig.client.dial("31600000001")
    rig.pbx.wait_idle()
    assert len(rig.pbx.judge.calls()) == placed
    (dial,) = rig.pbx.judge.dials()
    assert (dial.response, bool(dial.callid)) == (fault.removeprefix("dial_"), bool(placed))
    assert rig.client.dial("31600000002")["status"] == "Success"


@pytest.mark.parametrize(("fault", "status", "placed"), [(Fault.DIAL_502, 502, 1), (Fault.DIAL_500, 500, 0)])
def test_a_dial_request_answered_with_5xx(rig, fault, status, placed):
    rig.pbx.arm(fault)
    path = f"/api/v1.1.0/ivr/dial_outbound?token={rig.client.token}"
    body = {"ivrid": "6500", "outto": "931600000001", "fromext": "1000"}
    assert rig.client.raw("POST", path, json=body).status_code == status
    assert len(rig.pbx.judge.calls()) == placed


def test_error_30001_places_no_call(rig):
    rig.pbx.arm(Fault.ERROR_30001)
    assert rig.client.dial("31600000001") == {"status": "Failed", "errno": "30001"}
    assert rig.pbx.judge.calls() == []


def test_an_extra_record_of_one_second(rig, sink):
    rig.pbx.arm(Fault.EXTRA_CDR)
    rig.call("31600000001")
    records = [r for r in sink.reports if r["action"] == "NewCdr"]
    assert [(r["status"], r["callduraction"]) for r in records][1:] == [("NO ANSWER", "1")]
    assert len({r["callid"] for r in records}) == 1


def test_a_restart_right_after_the_call_was_accepted(rig, sink):
    rig.pbx.arm(Fault.RESTART)
    callid = rig.client.dial("31600000001")["callid"]
    rig.pbx.wait_idle()
    assert sink.actions() == []
    assert rig.pbx.judge.call(callid).cause == "restart"
    assert rig.client.post("outbound/query")["errno"] == "20004"


def test_a_trunk_that_goes_down_comes_back(start):
    rig = start(faults=Faults(trunk_down_seconds=1.0))
    rig.pbx.arm(Fault.TRUNK_DOWN)
    assert rig.pbx.judge.call(rig.call("31600000001")).cause == "completed"
    down = rig.pbx.judge.call(rig.call("31600000001"))
    assert (down.cause, down.over_limit) == ("503 Service Unavailable", False)
    time.sleep(1.1)
    assert rig.pbx.judge.call(rig.call("31600000001")).cause == "completed"


def test_an_armed_fault_strikes_so_many_times_and_no_more(rig):
    rig.pbx.arm(Fault.ERROR_30001, times=2)
    answers = [rig.client.dial("31600000001")["status"] for _ in range(4)]
    assert answers == ["Failed", "Failed", "Success", "Success"]


def test_the_same_seed_repeats_the_same_faults(start):
    def refused(seed):
        rig = start(faults=Faults({Fault.ERROR_30001: 0.5}, seed=seed))
        return [rig.client.dial("31600000486")["status"] for _ in range(30)]

    first = refused(1)
    assert set(first) == {"Success", "Failed"}
    assert refused(1) == first
    assert refused(2) != first


def test_faults_can_be_changed_over_http(rig, sink):
    body = {
        "duplicate_report": 1,
        "seed": 7,
        "actions": ["NewCdr"],
        "late_seconds": 0.1,
        "arm": {"lost_report": 1},
    }
    assert rig.control("faults", body).status_code == 200
    rig.call("31600000486")
    rig.call("31600000486")
    assert sink.actions() == ["CallFailed", "CallFailed", "NewCdr", "NewCdr"]
    assert rig.control("faults", {"no_such_fault": 1}).status_code == 400
    assert rig.control("faults", {"lost_report": "often"}).status_code == 400


def test_defaults_have_no_faults_and_no_unknown_codes():
    assert SimulatorSettings().faults.probabilities == {}
    assert all(len(code) == 4 and code.isdigit() for code in BEHAVIOUR_BY_SUFFIX)
