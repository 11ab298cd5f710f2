"""Dial requests: what is refused at once, and which trunk a number takes."""

import pytest

from dispatcher.simulator import Behaviour, ExtensionSettings, TrunkSettings

IVR = {"ivrid": "6500", "outto": "931600009999", "fromext": "1000"}


@pytest.mark.parametrize(
    ("endpoint", "body", "errno"),
    [
        ("ivr/dial_outbound", IVR | {"ivrid": ""}, "10004"),
        ("ivr/dial_outbound", IVR | {"outto": " "}, "10004"),
        ("ivr/dial_outbound", {"ivrid": "6500", "outto": "9316"}, "10004"),
        ("ivr/dial_outbound", IVR | {"ivrid": "6999"}, "10012"),
        ("ivr/dial_outbound", IVR | {"fromext": "4000"}, "10006"),
        ("ivr/dial_outbound", IVR | {"outto": "9call-me"}, "10031"),
        ("ivr/dial_outbound", IVR | {"outto": "316"}, "10031"),
        ("ivr/dial_outbound", IVR | {"outto": "9"}, "10031"),
        ("ivr/dial_extension", {"ivrid": "6500"}, "10004"),
        ("ivr/dial_extension", {"ivrid": "6500", "extid": "4000"}, "10006"),
        ("ivr/dial_extension", {"ivrid": "1", "extid": "1000"}, "10012"),
        ("queue/dial_outbound", {"queueid": "1", "outto": "9316", "fromext": "1000"}, "10013"),
        ("ringgroup/dial_outbound", {"ringgroupid": "1", "outto": "9316", "fromext": "1000"}, "10014"),
        ("outbound/playprompt", {"outto": "9316", "prompt": "sub/dir", "fromext": "1000"}, "10023"),
        ("outbound/playprompt", {"outto": "9316", "prompt": "a++b", "fromext": "1000"}, "10023"),
        ("extension/playprompt", {"extid": "4000", "prompt": "hello111"}, "10006"),
        ("extension/dial_outbound", {"extid": "4000", "outto": "9316"}, "10006"),
        ("outbound/hangup", {}, "10004"),
        ("outbound/hangup", {"outboundid": "1.1"}, "10007"),
        ("inbound/hangup", {"inboundid": "1.1"}, "10007"),
        ("extension/hangup", {"extid": "4000"}, "10006"),
        ("extension/hangup", {"extid": "1000"}, "10007"),
    ],
)
def test_parameter_errors(rig, endpoint, body, errno):
    assert rig.client.post(endpoint, body) == {"status": "Failed", "errno": errno}
    assert rig.pbx.judge.calls() == []


def test_prompts_that_were_not_uploaded_are_10023(start):
    rig = start(prompts=("storm", "flood"))
    body = {"extid": "1000", "prompt": "storm+quake"}
    assert rig.client.post("extension/playprompt", body)["errno"] == "10023"
    assert rig.client.post("extension/playprompt", body | {"prompt": "storm+flood"})["status"] == "Success"


def test_a_callee_whose_number_the_pbx_refuses(rig):
    assert rig.client.dial("31600000031") == {"status": "Failed", "errno": "10031"}
    (dial,) = rig.pbx.judge.dials()
    assert (dial.errno, dial.callid) == ("10031", "")


@pytest.fixture
def two_trunks(start):
    return start(
        trunks=(TrunkSettings("A", 2, prefix="9"), TrunkSettings("B", 2, prefix="8", strip=False)),
        extensions=(ExtensionSettings("1000"), ExtensionSettings("1001", trunks=("B",))),
    )


@pytest.mark.parametrize(("dialled", "trunk", "number"), [("9316", "A", "316"), ("8316", "B", "8316")])
def test_the_prefix_chooses_the_trunk(two_trunks, dialled, trunk, number):
    answer = two_trunks.client.post("ivr/dial_outbound", IVR | {"outto": dialled})
    call = two_trunks.pbx.judge.call(answer["callid"])
    assert (call.trunk, call.number, call.dialled) == (trunk, number, dialled)


def test_an_extension_without_the_right_is_10024(two_trunks):
    body = IVR | {"fromext": "1001"}
    assert two_trunks.client.post("ivr/dial_outbound", body)["errno"] == "10024"
    assert two_trunks.client.post("ivr/dial_outbound", body | {"outto": "8316"})["status"] == "Success"


def test_the_longest_prefix_that_is_allowed_wins(start):
    rig = start(
        trunks=(TrunkSettings("all", 2), TrunkSettings("mobile", 2, prefix="06")),
        extensions=(ExtensionSettings("1000"), ExtensionSettings("1001", trunks=("all",))),
    )
    for extension, trunk in (("1000", "mobile"), ("1001", "all")):
        answer = rig.client.post("ivr/dial_outbound", IVR | {"outto": "0612345678", "fromext": extension})
        assert rig.pbx.judge.call(answer["callid"]).trunk == trunk


def test_a_prompt_can_not_be_played_over_an_analog_trunk(start):
    rig = start(trunks=(TrunkSettings("line", 1, type="FXO", prefix="9"),))
    body = {"outto": "9316", "prompt": "hello111", "fromext": "1000"}
    assert rig.client.post("outbound/playprompt", body)["errno"] == "10015"


def test_callids_are_epoch_and_sequence_and_the_leg_has_its_own(rig):
    ids = []
    for number in range(12):
        callid = rig.client.dial(f"3160001{number:02d}99")["callid"]
        ids.append((callid, rig.pbx.judge.call(callid).outboundid))
    flat = [one for pair in ids for one in pair]
    assert len(set(flat)) == 24
    epochs, sequences = zip(*(one.split(".") for one in flat), strict=True)
    assert all(len(epoch) == 10 for epoch in epochs)
    assert len(set(sequences)) == 24


def test_a_busy_extension_fails_the_call(start):
    rig = start(time_scale=1, behaviour=Behaviour.SILENT)
    rig.client.post("ivr/dial_extension", {"ivrid": "6500", "extid": "1000"})
    second = rig.client.post("ivr/dial_extension", {"ivrid": "6500", "extid": "1000"})["callid"]
    rig.sink.wait(lambda s: "NewCdr" in s.actions(second))
    assert rig.pbx.judge.call(second).cause == "486 Busy Here"
