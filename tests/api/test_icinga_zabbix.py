"""The two intakes whose body is our own script's: one notification a request."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.intake.icinga import IcingaNotification
from dispatcher.intake.zabbix import ZabbixEvent
from tests.api.conftest import client_of
from tests.api.test_grafana import metric
from tests.cores import RecordingMessages, SettableClock, accept, claim, make_core

ICINGA, ZABBIX = "/v1/intake/icinga", "/v1/intake/zabbix"
WHEN = 1_795_250_000


def icinga(api: TestClient, kind: str, at: float | None = WHEN, **members: Any) -> dict[str, Any]:
    """What becomes of a notification of one service."""
    body = {"type": kind, "host": "boiler-3", "service": "pressure", "state": "CRITICAL", "sent_at": at}
    return taken(api, ICINGA, body | members)


def zabbix(api: TestClient, event_id: str = "4711", **members: Any) -> dict[str, Any]:
    """What becomes of one event."""
    body = {"event_id": event_id, "event_value": "1", "event_name": "Over-pressure", "nseverity": "5"}
    return taken(api, ZABBIX, body | members)


def taken(api: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == 202, answer.text
    [result] = answer.json()["results"]
    assert isinstance(result, dict)
    return result


def alarm_of(api: TestClient, result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/v1/alarms/{result['alarm_id']}").json()
    return found


def call_states(api: TestClient, result: dict[str, Any]) -> set[str]:
    return {call["state"] for call in alarm_of(api, result)["calls"]}


def test_an_acknowledgement_there_stops_the_calls_here(
    api: TestClient, core: Any, messages: RecordingMessages
) -> None:
    raised = icinga(api, "PROBLEM", output="12 bar")
    [attempt] = claim(core)
    accept(core, attempt, "1-2")

    done = icinga(api, "ACKNOWLEDGEMENT", WHEN + 60, author="anna", comment="on it", acknowledged=True)

    assert (done["effect"], done["alarm_id"]) == ("acknowledged", raised["alarm_id"])
    alarm = alarm_of(api, done)
    assert (alarm["status"], alarm["acknowledged_by"]) == ("acknowledged", "anna")
    assert call_states(api, done) == {"cancelled"}
    assert messages.hung_up == [attempt], "the one that rings"
    assert icinga(api, "ACKNOWLEDGEMENT", WHEN + 61, author="bert")["effect"] == "unchanged"
    assert icinga(api, "PROBLEM", WHEN + 90)["effect"] == "joined"
    assert call_states(api, done) == {"cancelled"}


def test_an_acknowledgement_that_overtakes_its_problem_is_remembered(api: TestClient) -> None:
    done = icinga(api, "ACKNOWLEDGEMENT", WHEN + 60, author="anna")
    assert done["effect"] == "acknowledged"
    late = icinga(api, "PROBLEM", WHEN)
    assert (late["effect"], late["alarm_id"]) == ("unchanged", done["alarm_id"])
    assert call_states(api, done) <= {"cancelled"}
    assert icinga(api, "RECOVERY", WHEN + 90, state="OK")["effect"] == "resolved"


def test_a_problem_that_comes_after_its_recovery_calls_nobody(api: TestClient) -> None:
    over = icinga(api, "RECOVERY", WHEN + 60, state="OK")
    late = icinga(api, "PROBLEM", WHEN)

    assert (late["effect"], late["alarm_id"]) == ("unchanged", over["alarm_id"])
    assert call_states(api, over) == set()
    assert icinga(api, "PROBLEM", WHEN + 120)["effect"] == "raised", "this one is new"


def test_a_recovery_that_comes_after_the_next_problem_leaves_it_open(api: TestClient) -> None:
    icinga(api, "PROBLEM", WHEN)
    next_one = icinga(api, "PROBLEM", WHEN + 120)
    late = icinga(api, "RECOVERY", WHEN + 60, state="OK")

    assert late["effect"] == "unchanged"
    alarm = alarm_of(api, next_one)
    assert alarm["status"] == "open"
    assert any(event["name"] == "late" for event in alarm["timeline"])


def test_what_has_ended_may_fail_again(api: TestClient) -> None:
    first = icinga(api, "PROBLEM", None)
    assert icinga(api, "RECOVERY", None, state="OK")["effect"] == "resolved"
    again = icinga(api, "PROBLEM", None)
    assert again["effect"] == "raised"
    assert again["alarm_id"] != first["alarm_id"]
    assert again["dedup_key"] == "boiler-3!pressure"


def test_a_downtime_calls_off_what_is_open_and_nothing_else(api: TestClient) -> None:
    assert icinga(api, "DOWNTIMESTART", state="OK")["alarm_id"] is None, "there is nothing to call off"
    raised = icinga(api, "PROBLEM", WHEN + 1)
    done = icinga(api, "DOWNTIMESTART", WHEN + 2, author="bert", comment="valve")
    assert (done["effect"], alarm_of(api, raised)["status"]) == ("cancelled", "cancelled")
    assert call_states(api, raised) == {"cancelled"}

    still = icinga(api, "DOWNTIMEEND", WHEN + 3)
    assert still["effect"] == "raised", "it is still wrong, and Icinga may be silent for long"
    icinga(api, "ACKNOWLEDGEMENT", WHEN + 4, author="anna")
    assert icinga(api, "DOWNTIMESTART", WHEN + 5)["effect"] == "unchanged", "she has it in hand"
    assert alarm_of(api, still)["status"] == "acknowledged"


@pytest.mark.parametrize(
    ("kind", "members", "effect"),
    [
        ("DOWNTIMEREMOVED", {"state": "OK"}, "unchanged"),
        ("DOWNTIMECANCELLED", {"state": "CRITICAL", "acknowledged": True}, "unchanged"),
        ("FLAPPINGEND", {"state": "CRITICAL", "acknowledged": False}, "raised"),
        ("FLAPPINGSTOP", {"state": "UP", "service": ""}, "unchanged"),
        ("FLAPPINGSTART", {}, "unchanged"),
        ("CUSTOM", {"comment": "hello"}, "unchanged"),
        ("custom", {"comment": "hello"}, "unchanged"),
    ],
)
def test_the_rest_of_the_notifications_without_an_alarm(
    api: TestClient, kind: str, members: dict[str, Any], effect: str
) -> None:
    result = icinga(api, kind, **members)
    assert result["effect"] == effect
    assert len(api.get("/v1/alarms").json()["items"]) == (effect == "raised")


def test_what_is_written_to_somebody_is_in_the_timeline(api: TestClient) -> None:
    raised = icinga(api, "PROBLEM")
    for kind in ("CUSTOM", "FLAPPINGSTART"):
        assert icinga(api, kind, author="anna", comment="look at this")["effect"] == "unchanged"
    causes = [event["cause"] for event in alarm_of(api, raised)["timeline"] if event["name"] == "noted"]
    assert causes == [f"icinga: {kind}: look at this (anna)" for kind in ("CUSTOM", "FLAPPINGSTART")]
    assert icinga(api, "FLAPPINGEND", state="OK")["effect"] == "resolved"


def test_what_somebody_does_in_zabbix(api: TestClient, clock: SettableClock) -> None:
    raised = zabbix(api, nseverity="2")
    assert alarm_of(api, raised)["severity"] == "warning"

    def update(action: str, **members: str) -> str:
        return str(zabbix(api, update_status="1", update_action=action, user="anna", **members)["effect"])

    assert update("commented", message="hm") == "unchanged"
    assert update("changed severity from Warning to High", nseverity="4") == "joined"
    assert alarm_of(api, raised)["severity"] == "critical"
    assert update("suppressed") == "cancelled"
    assert call_states(api, raised) == {"cancelled"}
    assert update("unsuppressed") == "raised"
    assert update("acknowledged and changed severity from High to Average") == "acknowledged"
    assert update("unacknowledged") == "unchanged"
    assert update("closed", message="by hand") == "resolved"
    assert zabbix(api, event_value="0", recovery_id="4720")["effect"] == "unchanged"
    clock.move(hours=10)
    assert zabbix(api)["effect"] == "joined", "an event has one end, so that this is late"


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        (ICINGA, {"type": "PROBLEM"}, "host"),
        (ICINGA, {"type": "PANIC", "host": "a"}, "type"),
        (ICINGA, {"type": "PROBLEM", "host": "a", "sent_at": "soon"}, "sent_at"),
        (ICINGA, [], "alert"),
        (ZABBIX, {}, "event_id"),
        (ZABBIX, {"event_id": "{EVENT.ID}"}, "event_id"),
        (ZABBIX, {"event_id": "1", "tags": "no JSON"}, "tags"),
        (ZABBIX, "4711", "alert"),
    ],
)
def test_what_can_not_be_read_is_refused_and_counted(
    api: TestClient, path: str, body: Any, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api.post(path, json=body)
    source = path.rpartition("/")[2]

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["results"][0]["error"]
    assert metric(api, f'dispatcher_alerts_refused_total{{source="{source}"}}') == 1
    assert "refused" in caplog.text


def test_an_unknown_policy_is_counted(api: TestClient, core: Any) -> None:
    assert (
        api.post(ICINGA, params={"policy": "day"}, json={"type": "PROBLEM", "host": "a"}).status_code == 422
    )
    assert dict(core.counts.take()) == {
        ("dispatcher_notifications_refused_total", '["icinga","policy"]'): 1.0
    }


def test_the_description_has_the_bodies_with_examples_that_are_taken(sqlite_url: str) -> None:
    core = make_core(sqlite_url)
    api = client_of(core)
    paths = api.get("/openapi.json").json()["paths"]
    for path, model in ((ICINGA, IcingaNotification), (ZABBIX, ZabbixEvent)):
        described = paths[path]["post"]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        assert set(schema["properties"]) == set(model.model_fields)
        assert "#/components" not in json.dumps(schema), "everything is told in place"
        assert [api.post(path, json=example).status_code for example in schema["examples"]] == [202]
    core.store.close()


def test_the_scope_intake_is_enough_and_needed(sqlite_url: str) -> None:
    keys = [
        {"name": name, "token": name * 3, "scopes": [name]} for name in ("intake", "read", "operate", "admin")
    ]
    core = make_core(sqlite_url, api={"key": keys})
    api = client_of(core)
    status = {}
    for path in (ICINGA, ZABBIX, "/v1/intake/grafana", "/v1/intake/alertmanager"):
        for key in keys:
            sent = {"Authorization": f"Bearer {key['token']}"}
            body = {"type": "PROBLEM", "host": "a", "event_id": "1", "alerts": []}
            status[path, key["name"]] = api.post(path, json=body, headers=sent).status_code
    core.store.close()
    wanted = {"intake": 202, "admin": 202, "read": 403, "operate": 403}
    assert status == {(path, name): wanted[str(name)] for path, name in status}


def test_a_policy_that_was_made_through_the_api_is_found(api: TestClient) -> None:
    body = {"name": "day", "to": [{"number": "+31612345670"}], "message": {"ivr": "6501"}}
    assert api.post("/v1/policies", json=body).status_code == 201

    answer = api.post(ICINGA, params={"policy": "day"}, json={"type": "PROBLEM", "host": "a"})

    assert answer.status_code == 202
    alarm = alarm_of(api, answer.json()["results"][0])
    assert (alarm["policy"], alarm["message"]) == ("day", {"ivr": "6501"})
    without = api.post(ICINGA, json={"type": "PROBLEM", "host": "b"})
    assert without.status_code == 422, "two policies, and none is the default one"
    assert "night-shift, day" in without.json()["detail"]
