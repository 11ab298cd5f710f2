"""The web API of the simulated Axeos PBX, beside the manual's chapter "PBX API"."""

import contextlib
import threading
import time

import httpx
import pytest

from dispatcher.simulator import Behaviour, Fault, SimulatedPbx, SimulatorSettings, Timing

KEY = "8d0a0704a96db1773fcb52db2f3e0979"
UP = Timing(setup=0, ring=0, prompt=30.0)


class Rig:
    """A simulated PBX and somebody who asks it by hand."""

    def __init__(self, pbx: SimulatedPbx) -> None:
        self.pbx = pbx
        self.client = httpx.Client(
            base_url=f"{pbx.url}/apis/pbx", auth=("apiKey", KEY), timeout=10.0, trust_env=False
        )

    def call(self, **body):
        return self.client.post("/call", json={"user_name": "anna", "number": "6500", **body})

    def events(self, **query):
        answer = self.client.get("/events", params=query)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture
def start():
    """Starts a PBX with changed settings."""
    with contextlib.ExitStack() as running:

        def make(**changed):
            usual = {"family": "axeos", "port": 0, "time_scale": 0.001, "username": "apiKey", "password": KEY}
            rig = Rig(running.enter_context(SimulatedPbx(SimulatorSettings(**(usual | changed)))))
            running.callback(rig.client.close)
            return rig

        yield make


@pytest.mark.parametrize("auth", [None, ("apiKey", "guessed"), ("admin", KEY)])
def test_who_has_no_key_is_not_let_in(start, auth):
    rig = start()
    for method, path in [("GET", "users"), ("GET", "events"), ("POST", "call"), ("DELETE", "call/1.2")]:
        answer = httpx.request(method, f"{rig.pbx.url}/apis/pbx/{path}", auth=auth, trust_env=False)
        assert answer.status_code == 401
    assert rig.pbx.judge.dials() == []


def test_the_key_may_be_in_the_query_of_a_get(start):
    rig = start()
    users = f"{rig.pbx.url}/apis/pbx/users"
    assert httpx.get(users, params={"key": KEY}, trust_env=False).status_code == 200
    assert httpx.get(users, params={"key": "guessed"}, trust_env=False).status_code == 401
    call = f"{rig.pbx.url}/apis/pbx/call"
    assert httpx.post(call, params={"key": KEY}, json={}, trust_env=False).status_code == 401


def test_what_the_pbx_says_of_itself(start):
    rig = start()
    assert rig.client.get("/system_information.json").json()["version"] == "4.1.10"
    anna = next(user for user in rig.client.get("/users").json() if user["username"] == "anna")
    assert [phone["type"] for phone in anna["phones"]] == ["phone"]
    assert rig.call(user_name=None, user_uuid=anna["uuid"]).status_code == 201


@pytest.mark.parametrize("path", ["/", "/nothing", "/call", "/users/1"])
def test_what_is_not_there_is_not_found(start, path):
    assert start().client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"user_name": "anna"}', 400),
        (b'{"user_name": "zed", "number": "1"}', 404),
    ],
)
def test_what_can_not_be_called(start, content, status):
    rig = start()
    assert rig.client.post("/call", content=content).status_code == status
    assert rig.pbx.judge.calls() == []


def test_the_answer_waits_for_the_own_phone(start):
    rig = start(time_scale=1.0, timing=Timing(setup=0.1, ring=0.2, prompt=30.0))
    begun = time.monotonic()
    answer = rig.call()
    assert time.monotonic() - begun >= 0.3
    assert (answer.status_code, answer.json()["status"]) == (201, "success")
    (call,) = rig.pbx.judge.calls()
    assert answer.json()["unique_id"] == call.callid
    assert call.answered is not None


@pytest.mark.parametrize(
    ("behaviour", "status", "word"),
    [
        (Behaviour.BUSY, 200, "busy"),
        (Behaviour.RINGS_FOREVER, 200, "no answer"),
        (Behaviour.NOT_FOUND, 200, "failed"),
        (Behaviour.UNAVAILABLE, 503, "not available"),
    ],
)
def test_an_own_phone_that_is_not_answered(start, behaviour, status, word):
    rig = start()
    rig.pbx.set_callee("anna", behaviour)
    answer = rig.call()
    assert (answer.status_code, answer.json()["status"]) == (status, word)
    assert rig.pbx.judge.dials()[0].errno == word


def test_a_call_is_shown_and_hung_up(start):
    rig = start(time_scale=1.0, timing=UP)
    callid = rig.call().json()["unique_id"]
    shown = rig.client.get(f"/call/{callid}").json()
    assert (shown["unique_id"], shown["called_extension"]) == (callid, "6500")
    assert shown["caller"]["name"] == "anna"
    assert rig.client.post(f"/call/{callid}").status_code == 405
    assert rig.client.delete(f"/call/{callid}").json()["status"] == "success"
    rig.pbx.wait_idle()
    assert rig.client.get(f"/call/{callid}").status_code == 404
    assert rig.client.delete(f"/call/{callid}").status_code == 404


def test_a_call_whose_own_phone_still_rings_can_not_be_asked_for(start):
    rig = start(time_scale=1.0, timing=Timing(setup=0, ring=30.0))
    waiting = threading.Thread(target=rig.call)
    waiting.start()
    rig.pbx.judge.wait_for(lambda judge: judge.live() == 1)
    (call,) = rig.pbx.judge.calls()
    assert rig.client.get(f"/call/{call.callid}").status_code == 404
    rig.pbx.hang_up(call.callid)
    waiting.join(timeout=20)
    assert not waiting.is_alive()


def test_events_are_gathered_from_the_first_request_on(start):
    rig = start()
    rig.call()
    rig.pbx.wait_idle()
    assert rig.events(timeout=0) == []
    rig.call()
    rig.pbx.wait_idle()
    found = rig.events(timeout=0)
    assert [event["seq"] for event in found] == list(range(len(found)))
    assert found[0] | {"timestamp": ""} == {
        "seq": 0,
        "timestamp": "",
        "event_type": "phone status update",
        "phone_uuid": found[0]["phone_uuid"],
        "status_code": 8,
        "status": "Ringing",
    }
    assert [event["event_type"] for event in found if "unique_id" in event] == [
        "incoming call",
        "call finished",
    ]


def test_the_limit_takes_the_newest_without_a_last_and_the_next_with_one(start):
    rig = start()
    rig.events(timeout=0)
    rig.call()
    rig.pbx.wait_idle()
    last = rig.events(timeout=0)[-1]["seq"]
    assert [event["seq"] for event in rig.events(timeout=0, limit=1)] == [last]
    assert [event["seq"] for event in rig.events(timeout=0, last=1, limit=2)] == [2, 3]
    assert rig.events(timeout=0, last=last) == []


def test_a_request_waits_for_an_event(start):
    rig = start()
    rig.events(timeout=0)
    found = []
    waiting = threading.Thread(target=lambda: found.extend(rig.events(timeout=15)))
    waiting.start()
    time.sleep(0.1)
    assert found == []
    rig.call()
    waiting.join(timeout=20)
    assert found[0]["seq"] == 0


def test_without_the_dial_plans_action_only_phones_have_events(start):
    rig = start(api_events=False)
    rig.events(timeout=0)
    rig.call()
    rig.pbx.wait_idle()
    assert {event["event_type"] for event in rig.events(timeout=0)} == {"phone status update"}


def test_numbers_begin_anew_after_a_restart(start):
    rig = start()
    rig.events(timeout=0)
    rig.call()
    rig.pbx.wait_idle()
    rig.pbx.restart()
    assert rig.events(timeout=0, last=100) == []
    rig.call()
    rig.pbx.wait_idle()
    assert rig.events(timeout=0, last=100)[0]["seq"] == 0


def test_lost_and_repeated_events(start):
    rig = start()
    rig.events(timeout=0)
    rig.pbx.arm(Fault.LOST_REPORT, times=2)
    rig.pbx.arm(Fault.DUPLICATE_REPORT)
    rig.call()
    rig.pbx.wait_idle()
    words = [event["event_type"] for event in rig.events(timeout=0)]
    assert words == ["incoming call", "incoming call", "phone status update", "call finished"]


def test_who_phones_out_and_in_gives_events_too(start):
    rig = start()
    rig.events(timeout=0)
    for direction in ("outbound", "inbound"):
        rig.pbx.place_other("SPS-6-36", direction=direction, number="5550199", seconds=0.01)
        rig.pbx.wait_idle()
    callers = [event["caller"] for event in rig.events(timeout=0) if event["event_type"] == "incoming call"]
    assert [caller.get("trunk_uuid") for caller in callers] == [None, "SPS-6-36"]


def test_a_call_to_a_number_takes_a_channel(start):
    rig = start(time_scale=1.0, timing=Timing(setup=0, ring=30.0))
    answer = rig.call(user_name="alarm", number="+31612340001", auto_answer=True)
    assert answer.status_code == 201
    assert rig.pbx.judge.trunk("SPS-6-36").ours == 1
    rig.pbx.hang_up(answer.json()["unique_id"])
    rig.pbx.wait_idle()
    assert rig.pbx.judge.trunk("SPS-6-36").ours == 0


def test_as_new(start):
    rig = start(time_scale=1.0, timing=UP)
    rig.call()
    rig.pbx.reset()
    assert rig.pbx.idle
    assert rig.events(timeout=0) == []
    assert rig.call().status_code == 201
