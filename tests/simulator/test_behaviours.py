"""Every callee's sequence of reports, and what the judge says of it."""

import pytest

from dispatcher.simulator import BEHAVIOUR_BY_SUFFIX, Behaviour, IvrSettings, TrunkSettings

UP = ["RING", "ALERT", "ANSWERED"]
DOWN = ["BYE", "BYE", "NewCdr"]
P, K = "PlayPromptEnd", "DTMF"

ANSWERED = [
    ("0001", [*UP, P, K, *DOWN], 1, "1"),
    ("0002", [*UP, P, K, *DOWN], 1, "1"),
    ("0003", [*UP, *DOWN], 0, ""),
    ("0005", [*UP, P, P, P, *DOWN], 3, ""),
    ("0006", [*UP, P, P, P, *DOWN], 3, ""),
    ("0007", [*UP, P, K, *DOWN], 1, "9"),
    ("0008", [*UP, K, *DOWN], 0, "1"),
    ("0009", [*UP, P, K, *DOWN], 1, "1"),
    ("0010", [*UP, P, *DOWN], 1, ""),
    ("0012", [*UP, *DOWN], 0, ""),
    ("0013", [*UP, P, P, K, *DOWN], 2, "1"),
    ("0014", [*UP, P, K, K, K, K, K, K, *DOWN], 1, "1234#"),
    ("0020", [*UP, P, P, P, *DOWN], 3, ""),
]

FAILED = [
    ("0000", False, "480", "NO ANSWER"),
    ("0004", True, "480", "NO ANSWER"),
    ("0032", False, "DND", "NO ANSWER"),
    ("0033", False, "Line unreachable", "FAILED"),
    ("0034", False, "NO Outbound Restriction", "FAILED"),
    ("0183", False, "480 Temporarily unavailable", "NO ANSWER"),
    ("0404", False, "404 NOT found", "FAILED"),
    ("0480", False, "480 Temporarily unavailable", "NO ANSWER"),
    ("0484", False, "484 Address Incomplete", "FAILED"),
    ("0486", False, "486 Busy Here", "BUSY"),
    ("0487", True, "487 Request Terminated", "NO ANSWER"),
    ("0503", False, "503 Service Unavailable", "FAILED"),
    ("0603", True, "603 Declined", "NO ANSWER"),
]

CHANGING = [
    ("1003", ["callee hung up", "completed", "completed"]),
    ("1480", ["480", "completed"]),
    ("1486", ["486 Busy Here", "completed"]),
    ("2503", ["503 Service Unavailable", "503 Service Unavailable", "completed"]),
]


def test_every_code_is_tested_here():
    tested = {row[0] for row in [*ANSWERED, *FAILED, *CHANGING]} | {"0011", "0031"}
    assert tested == set(BEHAVIOUR_BY_SUFFIX)
    assert set(BEHAVIOUR_BY_SUFFIX.values()) == set(Behaviour)


@pytest.mark.parametrize(("code", "actions", "passes", "keys"), ANSWERED)
def test_an_answered_call(rig, sink, code, actions, passes, keys):
    callid = rig.call("3160000" + code)
    assert sink.actions() == actions
    call = rig.pbx.judge.call(callid)
    assert call.answered is not None
    assert (call.passes, call.heard_in_full, call.keys) == (passes, passes > 0, keys)
    assert call.cdr_status == ("VOICEMAIL" if code == "0020" else "ANSWERED")
    cdr = sink.only("NewCdr")
    assert (cdr["status"], cdr["type"]) == (call.cdr_status, "Outbound")
    assert int(cdr["callduraction"]) >= int(cdr["talkduraction"]) > 0


@pytest.mark.parametrize(("code", "rings", "reason", "status"), FAILED)
def test_a_failed_call(rig, sink, code, rings, reason, status):
    callid = rig.call("3160000" + code)
    assert sink.actions() == [*(["RING", "ALERT"] if rings else []), "CallFailed", "NewCdr"]
    assert sink.only("CallFailed")["reason"] == reason
    cdr = sink.only("NewCdr")
    assert (cdr["status"], cdr["talkduraction"]) == (status, "0")
    call = rig.pbx.judge.call(callid)
    assert (call.answered, call.cause) == (None, reason)


@pytest.mark.parametrize(("code", "causes"), CHANGING)
def test_a_callee_who_changes_from_call_to_call(rig, code, causes):
    callids = [rig.call("3160000" + code) for _ in causes]
    calls = [rig.pbx.judge.call(callid) for callid in callids]
    assert [call.cause for call in calls] == causes
    assert [call.nth_dial for call in calls] == list(range(1, len(causes) + 1))
    assert calls[-1].keys == "1"


def test_an_explicit_number_goes_before_its_code_and_other_numbers_take_the_default(rig):
    rig.pbx.set_callee("31600000001", Behaviour.BUSY)
    rig.pbx.set_default(Behaviour.DECLINES)
    assert rig.pbx.judge.call(rig.call("31600000001")).cause == "486 Busy Here"
    assert rig.pbx.judge.call(rig.call("31600009999")).cause == "603 Declined"


def test_codes_can_be_switched_off(start):
    rig = start(behaviour_by_suffix=False, behaviour=Behaviour.SILENT)
    assert rig.pbx.judge.call(rig.call("31600000486")).passes == 3


def test_keys_without_a_key_event_are_pressed_but_not_reported(start, sink):
    rig = start(ivrs=(IvrSettings("6500", keys="12"),))
    assert rig.pbx.judge.call(rig.call("31600000007")).keys == "9"
    assert "DTMF" not in sink.actions()


@pytest.mark.parametrize(("code", "keys"), [("0004", ""), ("0404", ""), ("0001", "1")])
def test_an_analog_line_is_always_answered_whatever_happens(start, sink, code, keys):
    rig = start(trunks=(TrunkSettings("line", 1, type="FXO", prefix="9", monitored=False),))
    call = rig.pbx.judge.call(rig.call("3160000" + code))
    assert sink.actions()[:2] == ["ANSWERED", "PlayPromptEnd"]
    assert sink.only("NewCdr")["status"] == "ANSWERED"
    assert (call.answered is not None, call.heard_in_full, call.keys) == (bool(keys), bool(keys), keys)


def test_trunks_that_are_not_monitored_do_not_report_ringing(start, sink):
    rig = start(trunks=(TrunkSettings("quiet", 1, prefix="9", monitored=False),))
    rig.call("31600000001")
    assert sink.actions()[0] == "ANSWERED"
