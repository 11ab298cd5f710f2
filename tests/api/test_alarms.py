"""Raising alarms over HTTP, looking at them, and taking them in hand."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.signals import Topic
from tests.api.conftest import ALARM
from tests.cores import RecordingMessages, SettableClock, accept, claim, learn


def raised(api: TestClient, **changes: Any) -> dict[str, Any]:
    answer = api.post("/v1/alarms", json={**ALARM, **changes})
    assert answer.status_code == 202, answer.text
    alarm: dict[str, Any] = answer.json()
    return alarm


def test_an_alarm_is_raised_with_a_call_for_each_recipient(api: TestClient, core: Core) -> None:
    pacer = core.signals.subscribe(Topic.PACER)

    alarm = raised(api, dedup_key="boiler-3", details={"site": "north"})

    assert alarm["status"] == "open"
    assert alarm["created_at"] == "2026-11-21T10:00:00Z"
    assert alarm["message"] == {"ivr": "6500"}
    assert alarm["details"] == {"site": "north"}
    first, second = alarm["calls"]
    assert first["number"] == "+31612345678"
    assert "extension" not in first
    assert "campaign_id" not in first
    assert second["extension"] == "1002"
    assert {call["state"] for call in alarm["calls"]} == {"queued"}
    assert first["waiting_for"] == "its turn: a channel is free on hq/SPS-6-36"
    assert second["waiting_for"] == "its turn: a channel is free on the extensions of hq"
    assert [event["name"] for event in alarm["timeline"]] == ["raised", "queued", "queued"]
    assert pacer.wait(0), "the pacer is woken"
    assert api.get(f"/v1/alarms/{alarm['id']}").json() == alarm


def test_a_recipient_named_twice_is_called_once(api: TestClient) -> None:
    to = [
        {"number": "+31612345678"},
        {"number": "+31 6 1234-5678"},
        {"extension": "1002"},
        {"extension": "1002"},
    ]

    assert len(raised(api, to=to)["calls"]) == 2


def test_a_repeat_joins_the_open_alarm_and_refreshes_it(api: TestClient, clock: SettableClock) -> None:
    first = raised(api, dedup_key="boiler-3", severity="warning")
    clock.move(minutes=5)

    second = raised(api, dedup_key="boiler-3", summary="Boiler 3 leaks", details={"litres": 3})

    assert second["id"] == first["id"]
    assert second["occurrences"] == 2
    assert (second["summary"], second["severity"], second["details"]) == (
        "Boiler 3 leaks",
        "critical",
        {"litres": 3},
    )
    assert [call["id"] for call in second["calls"]] == [call["id"] for call in first["calls"]]
    assert second["timeline"][-1]["name"] == "repeated"


def test_a_resolved_status_resolves_and_withdraws(api: TestClient) -> None:
    alarm = raised(api, dedup_key="boiler-3")

    answer = api.post("/v1/alarms", json={"status": "resolved", "dedup_key": "boiler-3"})

    assert answer.status_code == 202
    resolved = answer.json()
    assert resolved["id"] == alarm["id"]
    assert resolved["status"] == "resolved"
    assert resolved["resolved_at"] == "2026-11-21T10:00:00Z"
    assert {call["state"] for call in resolved["calls"]} == {"cancelled"}
    assert raised(api, dedup_key="boiler-3")["id"] != alarm["id"], "the next one is a new alarm"


def test_a_resolution_without_an_alarm_is_recorded_and_calls_nobody(api: TestClient) -> None:
    request = {"status": "resolved", "dedup_key": "boiler-3", "summary": "Boiler 3 over-pressure"}

    first, second = (api.post("/v1/alarms", json=request).json() for _ in range(2))

    assert first["status"] == "resolved"
    assert first["calls"] == []
    assert second["id"] == first["id"], "a repeated resolution changes nothing"


def test_the_policy_says_what_the_request_leaves_out(api: TestClient) -> None:
    plain = raised(api, to=None, message=None, delivered_when=None, ack_digits=None, policy="night-shift")
    own = raised(
        api,
        policy="night-shift",
        to=[{"extension": "1003"}],
        message={"prompt": "fire+exit"},
        delivered_when="heard",
        retry={"max_attempts": 7},
    )

    assert (plain["message"], plain["delivered_when"], plain["ack_digits"]) == (
        {"ivr": "6500"},
        "acknowledged",
        "1",
    )
    assert len(plain["calls"]) == 2
    assert (own["message"], own["delivered_when"]) == ({"prompt": "fire+exit", "count": 1}, "heard")
    assert [call["extension"] for call in own["calls"]] == ["1003"]
    assert own["retry"] == {"max_attempts": 7}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"summary": None}, "summary", "needed"),
        ({"summary": " "}, "summary", "at least 1 character"),
        ({"to": None}, "to", "one of policy and to"),
        ({"expires_at": "9999-12-31T23:59:59-01:00"}, "expires_at", "after the year 9999"),
        ({"to": []}, "to", "at least 1"),
        ({"to": [{"number": "+3161"}]}, "to.0.number", "length"),
        ({"to": [{"number": "0612345678"}]}, "to.0.number", "alarms.region"),
        (
            {"to": [{"number": "+31612345678"}, {"contact": "duty"}]},
            "to.1.contact",
            "no contact named 'duty'",
        ),
        ({"to": [{"group": "ops"}]}, "to.0.group", "no group named 'ops'"),
        ({"to": [{"user": "anna"}]}, "to.0.user", "PBX user"),
        ({"to": [{"extension": "1002", "pbx": "north"}]}, "to.0.extension", "no PBX is named 'north'"),
        ({"to": [{"number": "+31612345678", "extension": "1"}]}, "to.0", "exactly one"),
        (
            {"to": [{"extension": "1002"}], "message": {"queue": "6700"}},
            "to.0.extension",
            "a queue to an extension",
        ),
        ({"message": None}, "message", "say what is played"),
        ({"message": {}}, "message", "exactly one"),
        ({"message": {"prompt": "a", "count": 2}}, "to.0.number", "count"),
        ({"message": {"queue": "6700"}, "to": [{"number": "+31612345678"}]}, "delivered_when", "answered"),
        ({"policy": "day"}, "policy", "night-shift"),
        ({"delivered_when": "read"}, "delivered_when", "answered"),
        ({"ack_digits": ""}, "ack_digits", "at least one key"),
        ({"ack_digits": "x"}, "ack_digits", "pattern"),
        ({"retry": {"busyy": 3}}, "retry.busyy", "busyy"),
        ({"expires_at": "2026-11-21T09:59:59Z"}, "expires_at", "past"),
        ({"expires_at": "2026-11-21T11:00:00"}, "expires_at", "timezone"),
        ({"severity": "bad"}, "severity", "critical"),
        ({"status": "resolved"}, "dedup_key", "needed to resolve"),
        ({"sumary": "x"}, "sumary", "not permitted"),
    ],
)
def test_what_cannot_be_placed_is_refused_by_its_field(
    api: TestClient, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = api.post("/v1/alarms", json={**ALARM, **changes})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    faults = {fault["field"]: fault["detail"] for fault in answer.json()["errors"]}
    assert words in faults[field]
    assert api.get("/v1/alarms").json()["items"] == []


def test_every_recipient_that_cannot_be_called_is_named(api: TestClient) -> None:
    to = [{"contact": "a"}, {"number": "+31612345678"}, {"number": "12"}]

    answer = api.post("/v1/alarms", json={**ALARM, "to": to}).json()

    assert [fault["pointer"] for fault in answer["errors"]] == ["#/to/0/contact", "#/to/2/number"]


def test_acknowledging_stops_what_nobody_has_answered(
    api: TestClient, core: Core, messages: RecordingMessages
) -> None:
    to = [{"number": f"+3161234567{n}"} for n in range(3)]
    alarm = raised(api, to=to)
    talking, ringing, claimed = claim(core)
    accept(core, talking, "1.1")
    learn(core, talking, answered_at=core.clock())
    accept(core, ringing, "1.2")

    answer = api.post(f"/v1/alarms/{alarm['id']}/acknowledge")

    assert answer.status_code == 200
    view = answer.json()
    assert (view["status"], view["acknowledged_by"]) == ("acknowledged", "loopback")
    assert [call["state"] for call in view["calls"]] == ["active", "cancelled", "cancelled"]
    assert messages.hung_up == [ringing], "who is listening is left to listen; the last was never dialled"
    assert claimed not in messages.hung_up


def test_acknowledging_twice_is_the_same_as_once(api: TestClient) -> None:
    alarm = raised(api)
    first = api.post(f"/v1/alarms/{alarm['id']}/acknowledge").json()

    assert api.post(f"/v1/alarms/{alarm['id']}/acknowledge").json() == first


@pytest.mark.parametrize(
    ("first", "then"),
    [("resolve", "acknowledge"), ("resolve", "cancel"), ("cancel", "acknowledge"), ("cancel", "resolve")],
)
def test_what_the_status_does_not_allow_is_a_conflict(api: TestClient, first: str, then: str) -> None:
    alarm = raised(api)
    before = api.post(f"/v1/alarms/{alarm['id']}/{first}").json()

    answer = api.post(f"/v1/alarms/{alarm['id']}/{then}")

    assert answer.status_code == 409
    assert answer.json()["current_status"] == before["status"]
    assert api.get(f"/v1/alarms/{alarm['id']}").json() == before


def test_an_acknowledged_alarm_can_be_resolved(api: TestClient) -> None:
    alarm = raised(api)
    api.post(f"/v1/alarms/{alarm['id']}/acknowledge")

    assert api.post(f"/v1/alarms/{alarm['id']}/resolve").json()["status"] == "resolved"


@pytest.mark.parametrize("verb", ["", "/acknowledge", "/resolve", "/cancel"])
def test_an_unknown_alarm_is_not_found(api: TestClient, verb: str) -> None:
    answer = api.post(f"/v1/alarms/nine{verb}") if verb else api.get("/v1/alarms/nine")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no alarm 'nine'"


def test_lists_are_filtered(api: TestClient, clock: SettableClock) -> None:
    first = raised(api, dedup_key="a", severity="info")
    clock.move(hours=1)
    second = raised(api, dedup_key="b", to=[{"number": "+31612345679"}])
    api.post(f"/v1/alarms/{first['id']}/resolve")

    def found(**filters: Any) -> list[str]:
        return [item["id"] for item in api.get("/v1/alarms", params=filters).json()["items"]]

    assert found() == [second["id"], first["id"]], "newest first"
    assert found(status="open") == [second["id"]]
    assert found(status=["open", "resolved"]) == [second["id"], first["id"]]
    assert found(severity="info") == [first["id"]]
    assert found(dedup_key="b") == [second["id"]]
    assert found(source="alertmanager") == []
    assert found(since="2026-11-21T10:30:00Z") == [second["id"]]
    assert found(until="2026-11-21T10:30:00Z") == [first["id"]]
    item = api.get("/v1/alarms").json()["items"][1]
    assert item["call_counts"] == {"cancelled": 2}
    assert "calls" not in item


def test_lists_come_in_pages(api: TestClient) -> None:
    made = [raised(api)["id"] for _ in range(5)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = api.get("/v1/alarms", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1

    assert seen == made[::-1]
    assert pages == 3


@pytest.mark.parametrize(
    "query", ["limit=501", "limit=0", "cursor=%3F", "cursor=AA", "status=closed", "since=now"]
)
def test_a_wrong_query_is_refused_by_its_name(api: TestClient, query: str) -> None:
    answer = api.get(f"/v1/alarms?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(query.partition("=")[0])


def test_an_alarm_and_its_calls_expire_as_asked_or_as_the_policy_says(api: TestClient) -> None:
    asked = raised(api, expires_at="2026-11-21T12:00:00+01:00")

    assert asked["expires_at"] == "2026-11-21T11:00:00Z"
    assert asked["calls"][0]["expires_at"] == "2026-11-21T11:00:00Z"
    assert raised(api)["expires_at"] is None


def test_the_number_of_an_ivr_is_a_number(api: TestClient) -> None:
    refused = api.post(
        "/v1/alarms",
        json={"summary": "x", "to": [{"number": "+31612345678"}], "message": {"ivr": "65 00; drop"}},
    )
    assert refused.status_code == 422
    assert "message.ivr" in refused.text


def test_a_call_that_is_withdrawn_has_its_outcome(api: TestClient) -> None:
    alarm = raised(api)
    assert api.post(f"/v1/alarms/{alarm['id']}/cancel").status_code == 200
    calls = api.get(f"/v1/alarms/{alarm['id']}").json()["calls"]
    assert {(call["state"], call["outcome"]) for call in calls} == {("cancelled", "cancelled")}
