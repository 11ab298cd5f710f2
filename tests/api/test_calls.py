"""One call with everything that is known of it, and its end by hand."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import Phase
from dispatcher.store import doubts
from dispatcher.store.tables import RawReport, table
from tests.api.conftest import ALARM
from tests.cores import RecordingMessages, SettableClock, accept, claim, learn, set_attempt

ONE = ALARM | {"to": [{"number": "+31612345678"}]}


@pytest.fixture
def call_id(api: TestClient) -> str:
    identity: str = api.post("/v1/alarms", json=ONE).json()["calls"][0]["id"]
    return identity


def shown(api: TestClient, call_id: str) -> dict[str, Any]:
    answer = api.get(f"/v1/calls/{call_id}")
    assert answer.status_code == 200
    view: dict[str, Any] = answer.json()
    return view


def test_of_a_call_in_question_it_is_told_what_the_pbx_is_asked(
    api: TestClient, core: Core, clock: SettableClock, call_id: str
) -> None:
    [attempt] = claim(core)
    set_attempt(
        core, attempt, phase=Phase.IN_DOUBT, dialed_at=clock.now, doubted_at=clock.now, cause_text="timed_out"
    )
    with core.store.write() as tx:
        doubts.take_up(tx, "hq", [(attempt, "timed_out", clock.now)])

    assert shown(api, call_id)["waiting_for"].endswith(
        "the attempt is in doubt: timed_out; the PBX is asked for its live calls at 10:00:00 UTC"
    )


def test_a_call_shows_its_attempts_with_every_fact(
    api: TestClient, core: Core, clock: SettableClock, call_id: str
) -> None:
    [attempt] = claim(core)
    accept(core, attempt, "1547396927.428")
    learn(core, attempt, ringing_at=clock.move(seconds=3), trunk="SPS-6-36", leg="1547396927.429")
    learn(core, attempt, answered_at=clock.move(seconds=4))
    learn(core, attempt, prompt_ended_at=clock.move(seconds=9))
    learn(core, attempt, keys=frozenset({(0, "1")}))
    learn(
        core, attempt, cdr_at=clock.move(seconds=2), cdr_status="answered", talk_seconds=11, recording="r.wav"
    )

    view = shown(api, call_id)

    assert (view["state"], view["outcome"], view["waiting_for"]) == ("delivered", "delivered", None)
    assert view["attempts"] == [
        {
            "id": attempt,
            "ordinal": 1,
            "pbx": "hq",
            "trunk": "SPS-6-36",
            "phase": "ended",
            "outcome": "delivered",
            "callid": "1547396927.428",
            "dialed_at": "2026-11-21T10:00:00Z",
            "ringing_at": "2026-11-21T10:00:03Z",
            "answered_at": "2026-11-21T10:00:07Z",
            "prompt_ended_at": "2026-11-21T10:00:16Z",
            "digits": "1",
            "ended_at": "2026-11-21T10:00:18Z",
            "cause": None,
            "cause_text": None,
            "talk_seconds": 11,
            "recording": "r.wav",
        }
    ]
    assert [event["name"] for event in view["timeline"]][:2] == ["queued", "active"]
    alarm = api.get(f"/v1/alarms/{view['alarm_id']}").json()
    assert alarm["status"] == "acknowledged"
    assert alarm["acknowledged_by"]


def test_raw_reports_are_shown_as_they_came(api: TestClient, core: Core, call_id: str) -> None:
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    body = '{"action": "RING", "callid": "1.1" }'
    with core.store.write() as tx:
        tx.execute(
            insert(table(RawReport)).values(
                pbx="hq",
                received_at=core.clock(),
                word="RING",
                callid="1.1",
                body=body,
                disposition="applied",
                attempt_id=attempt,
            )
        )

    [report] = shown(api, call_id)["reports"]

    assert (report["body"], report["word"], report["disposition"]) == (body, "RING", "applied")
    assert report["received_at"] == "2026-11-21T10:00:00Z"


def test_while_a_call_is_open_it_says_what_it_waits_for(
    api: TestClient, core: Core, clock: SettableClock, call_id: str
) -> None:
    said = [shown(api, call_id)["waiting_for"]]
    [attempt] = claim(core)
    said.append(shown(api, call_id)["waiting_for"])
    set_attempt(core, attempt, phase=Phase.DIALING, dialed_at=clock.now)
    said.append(shown(api, call_id)["waiting_for"])
    set_attempt(core, attempt, phase=Phase.IN_DOUBT, doubted_at=clock.now, cause_text="timed_out: no answer")
    said.append(shown(api, call_id)["waiting_for"])
    accept(core, attempt, "1.1")
    learn(core, attempt, ringing_at=clock.move(seconds=2))
    said.append(shown(api, call_id)["waiting_for"])
    learn(core, attempt, failed_at=clock.move(seconds=5), cause=Reason.BUSY, cause_text="486 Busy Here")
    said.append(shown(api, call_id)["waiting_for"])

    sent = "the answer to the dial request sent to hq at 10:00:00 UTC"
    assert said == [
        "its turn: a channel is free on hq/SPS-6-36",
        "a dial worker to send the dial request to hq",
        sent,
        f"{sent}; the attempt is in doubt: timed_out: no answer",
        "the callee to answer; it has been ringing since 10:00:02 UTC",
        "the retry after busy at 10:00:37 UTC",
    ]


def test_a_call_says_what_holds_its_trunk(api: TestClient, call_id: str) -> None:
    api.patch("/v1/trunks/hq/SPS-6-36", json={"paused": True})

    assert shown(api, call_id)["waiting_for"] == "hq/SPS-6-36 to be resumed; it is paused"


def test_a_full_trunk_is_named_with_its_channels(api: TestClient, core: Core, call_id: str) -> None:
    api.patch("/v1/trunks/hq/SPS-6-36", json={"channels": 1, "reserved_for_alarms": 0})
    claim(core)
    another = ONE | {"to": [{"number": "+31612345679"}]}
    waiting = api.post("/v1/alarms", json=another).json()["calls"][0]

    assert waiting["waiting_for"] == "a free channel: all 1 channels of hq/SPS-6-36 are in use"
    assert shown(api, call_id)["state"] == "active"


def test_a_queued_call_is_cancelled_at_once(api: TestClient, call_id: str) -> None:
    answer = api.post(f"/v1/calls/{call_id}/cancel")

    assert answer.status_code == 200
    view = answer.json()
    assert (view["state"], view["waiting_for"]) == ("cancelled", None)
    assert view["timeline"][-1]["cause"] == "cancelled by hand, by loopback"
    alarm = api.get(f"/v1/alarms/{view['alarm_id']}").json()
    assert alarm["status"] == "exhausted", "nobody is left to call"
    assert api.post(f"/v1/calls/{call_id}/cancel").json() == view, "twice is the same as once"


def test_a_call_that_is_being_heard_is_hung_up(
    api: TestClient, core: Core, messages: RecordingMessages, call_id: str
) -> None:
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    learn(core, attempt, answered_at=core.clock())

    view = api.post(f"/v1/calls/{call_id}/cancel").json()

    assert view["state"] == "cancelled"
    assert messages.hung_up == [attempt]


def test_a_call_that_has_ended_cannot_be_cancelled(api: TestClient, core: Core, call_id: str) -> None:
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    learn(core, attempt, failed_at=core.clock(), cause=Reason.INVALID_NUMBER, cause_text="404 Not found")

    answer = api.post(f"/v1/calls/{call_id}/cancel")

    assert answer.status_code == 409
    assert answer.json()["current_status"] == "failed"
    assert shown(api, call_id)["attempts"][0]["cause"] == "invalid_number"


def test_an_extension_is_called_on_its_own_pbx_without_a_trunk(api: TestClient, core: Core) -> None:
    api.post("/v1/alarms", json=ALARM | {"to": [{"extension": "1002"}]})
    claim(core, trunk="")

    [item] = api.get("/v1/alarms").json()["items"]
    [call] = api.get(f"/v1/alarms/{item['id']}").json()["calls"]

    assert call["attempts"][0]["trunk"] is None
    assert call["attempts"][0]["pbx"] == "hq"


@pytest.mark.parametrize("verb", ["get", "post"])
def test_an_unknown_call_is_not_found(api: TestClient, verb: str) -> None:
    answer = api.get("/v1/calls/nine") if verb == "get" else api.post("/v1/calls/nine/cancel")

    assert answer.status_code == 404


def test_a_late_expiry_is_shown_with_the_call(api: TestClient, clock: SettableClock) -> None:
    expires = (clock.now + timedelta(days=2)).isoformat()

    [call] = api.post("/v1/alarms", json=ONE | {"expires_at": expires}).json()["calls"]

    assert call["expires_at"] == "2026-11-23T10:00:00Z"
