"""The reports, field by field, beside the samples of the S-Series API v1.1.0 manual."""

import re

import pytest

SN = "369362089179"


def call_ids(rig, callid):
    return callid, rig.pbx.judge.call(callid).outboundid


def outbound(rig, callid, **more):
    leg = rig.pbx.judge.call(callid).outboundid
    return {"from": "6500", "to": "31600000001", "trunk": "SPS-6-36", "outboundid": leg} | more


def test_the_reports_of_an_ivr_call(rig, sink):
    callid = rig.call("31600000001")
    party = {"outbound": outbound(rig, callid)}
    state = {"callid": callid, "call": [party], "sn": SN}
    ring, alert, answered, prompt, key, first_bye, second_bye, cdr = sink.reports
    assert ring == {"action": "RING"} | state
    assert alert == {"action": "ALERT"} | state
    assert answered == {"action": "ANSWERED"} | state
    assert prompt == {
        "action": "PlayPromptEnd",
        "callid": callid,
        "call": [{"outbound": {"trunk": "SPS-6-36"}}],
        "ivr": {"ivrid": "6500"},
        "playtonum": "31600000001",
        "sn": SN,
    }
    pressed = {"outbound": outbound(rig, callid, callpath="6500")}
    assert key == {"action": "DTMF", "callid": callid, "call": [pressed], "info": "1", "flag": "0", "sn": SN}
    assert first_bye["call"] == [{"outbound": outbound(rig, callid, to="31600000001 ")}]
    assert second_bye == {"action": "BYE"} | state
    assert set(cdr) == {
        *("action", "callid", "timestart", "callfrom", "callto", "desttrunkname"),
        *("callduraction", "talkduraction", "status", "type", "sn"),
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", cdr["timestart"])
    assert (cdr["callfrom"], cdr["callto"], cdr["desttrunkname"]) == ("6500", "31600000001", "SPS-6-36")


def test_a_string_of_keys_is_reported_once_more_as_a_whole(rig, sink):
    rig.call("31600000014")
    keys = [r for r in sink.reports if r["action"] == "DTMF"]
    assert [(r.get("info"), r.get("flag")) for r in keys[:-1]] == list(zip("1234#", "01234", strict=True))
    assert keys[-1]["infos"] == "1234#"
    assert not {"info", "flag"} & set(keys[-1])


def test_call_failed_has_its_parties_at_the_top_level(rig, sink):
    callid = rig.call("31600000486")
    failed = sink.only("CallFailed")
    assert set(failed) == {"action", "reason", "callid", "outbound", "sn"}
    assert failed["outbound"]["outboundid"] == rig.pbx.judge.call(callid).outboundid


def test_a_call_by_an_extension_names_both_parties(rig, sink):
    callid = rig.client.post("extension/dial_outbound", {"extid": "1005", "outto": "931600009999"})["callid"]
    rig.pbx.wait_idle()
    ring, alert, answered, bye, _, _ = sink.reports
    assert [next(iter(party)) for party in ring["call"]] == ["outbound", "ext"]
    assert alert["call"] == [{"ext": {"extid": "1005"}}]
    assert [next(iter(party)) for party in answered["call"]] == ["ext", "outbound"]
    assert bye["call"][0]["outbound"]["to"] == "31600009999 "
    assert answered["call"][1]["outbound"]["outboundid"] == call_ids(rig, callid)[1]


def test_an_ivr_call_to_an_extension(rig, sink):
    callid = rig.client.post("ivr/dial_extension", {"ivrid": "6500", "extid": "1005"})["callid"]
    rig.pbx.wait_idle()
    assert sink.actions(callid) == [
        *("RING", "ALERT", "ANSWER", "PlayPromptEnd", "DTMF"),
        "BYE",
        "BYE",
        "NewCdr",
    ]
    assert sink.only("PlayPromptEnd")["call"] == [{"ext": {"extid": "1005"}}]
    assert sink.only("PlayPromptEnd")["playtonum"] == "1005"
    assert sink.only("DTMF")["call"] == [{"ext": {"extid": "1005", "callpath": "6500"}}]
    assert sink.only("NewCdr")["type"] == "Internal"


@pytest.mark.parametrize(
    ("endpoint", "body", "party"),
    [
        ("outbound/playprompt", {"outto": "931600009999"}, {"outbound": {"trunkname": "SPS-6-36"}}),
        ("extension/playprompt", {"extid": "1001"}, {"ext": {"extid": "1001"}}),
    ],
)
def test_the_end_of_a_played_prompt_names_no_number(rig, sink, endpoint, body, party):
    callid = rig.client.post(endpoint, body | {"prompt": "1+queue1"})["callid"]
    rig.pbx.wait_idle()
    end = {"action": "PlayPromptEnd", "callid": callid, "prompt": "1+queue1", "sn": SN}
    assert sink.only("PlayPromptEnd") == end | party
    assert "DTMF" not in sink.actions()


@pytest.mark.parametrize(("endpoint", "key"), [("queue", "queueid"), ("ringgroup", "ringgroupid")])
def test_an_answered_call_goes_to_an_agent_of_the_queue_or_ring_group(rig, sink, endpoint, key):
    body = {key: "6700" if endpoint == "queue" else "6200", "outto": "931600009999", "fromext": "1000"}
    rig.client.post(f"{endpoint}/dial_outbound", body)
    rig.pbx.wait_idle()
    assert sink.actions() == [
        *("RING", "ALERT", "ANSWERED", "RING", "ALERT", "ANSWER", "BYE", "BYE", "NewCdr"),
    ]
    assert sink.only("ANSWER")["call"][0] == {"ext": {"extid": "1001"}}
    assert sink.only("NewCdr")["agentringtime"] == "4"


def test_people_phone_in_too(rig, sink):
    callid = rig.pbx.place_other("SPS-6-36", direction="inbound", number="192883838", seconds=0.02)
    listed = rig.client.post("inbound/query", {"inboundid": callid})["inbound"]
    assert [(call["from"], call["to"], call["trunk"]) for call in listed] == [
        ("192883838", "1010", "SPS-6-36")
    ]
    rig.pbx.wait_idle()
    assert sink.actions() == ["RING", "ALERT", "ANSWER", "BYE", "BYE", "NewCdr"]
    party = sink.only("ALERT")["call"][0]["inbound"]
    assert party == {"from": "192883838", "to": "1010", "trunk": "SPS-6-36", "inboundid": callid}
    cdr = sink.only("NewCdr")
    assert (cdr["type"], cdr["srctrunkname"], cdr["didnumber"]) == ("Inbound", "SPS-6-36", "1010")


def test_without_the_version_at_login_parties_share_one_object(start, sink):
    rig = start(login=False)
    rig.client.login(sink.port, version="")
    rig.client.post("extension/dial_outbound", {"extid": "1005", "outto": "931600009999"})
    rig.pbx.wait_idle()
    (party,) = sink.only("ANSWERED")["call"]
    assert set(party) == {"ext", "outbound"}


def test_what_can_be_configured_about_reports(start, sink):
    rig = start(
        answer_report_too=True,
        serial_in_reports=False,
        bye_reports=1,
        reported_number="dialled",
        ivr_caller="fromext",
        recordings=True,
    )
    rig.call("31600000001")
    assert sink.actions() == ["RING", "ALERT", "ANSWERED", "ANSWER", "PlayPromptEnd", "DTMF", "BYE", "NewCdr"]
    assert all("sn" not in report for report in sink.reports)
    party = sink.only("ANSWERED")["call"][0]["outbound"]
    assert (party["from"], party["to"]) == ("1000", "931600000001")
    assert sink.only("NewCdr")["recording"].endswith("-1000-931600000001-Outbound.wav")


def test_record_times_are_local_to_the_pbx(start, sink):
    for zone in ("Asia/Kolkata", "America/New_York"):
        start(timezone=zone).call("31600000486")
    east, west = (r["timestart"] for r in sink.reports if r["action"] == "NewCdr")
    assert east > west
