"""``/v1/policies``, and alarms that go by them."""

from typing import Any

from fastapi.testclient import TestClient

from dispatcher.core import Core
from tests.api.conftest import ALARM

STEPS: dict[str, Any] = {
    "steps": [{"to": [{"number": "+31611111111"}], "wait": 60}, {"to": [{"number": "+31622222222"}]}],
    "message": {"ivr": "6500"},
}


def made(api: TestClient, **changed: Any) -> Any:
    answer = api.post("/v1/policies", json={"name": "weekend"} | STEPS | changed)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_policy_is_made_shown_changed_and_deleted(api: TestClient) -> None:
    assert made(api)["policy"] == STEPS
    assert api.get("/v1/policies/weekend").json()["origin"] == "api"
    listed = api.get("/v1/policies").json()["items"]
    assert [(item["name"], item["origin"]) for item in listed] == [
        ("night-shift", "config"),
        ("weekend", "api"),
    ]

    changed = api.put("/v1/policies/weekend", json=STEPS | {"repeat": 2})
    assert (changed.status_code, changed.json()["policy"]["repeat"]) == (200, 2)
    assert api.put("/v1/policies/new", json=STEPS).status_code == 201
    assert api.delete("/v1/policies/weekend").status_code == 204
    assert api.get("/v1/policies/weekend").status_code == 404
    assert api.delete("/v1/policies/weekend").status_code == 404


def test_a_name_is_taken_once_and_the_files_policies_are_changed_there(api: TestClient) -> None:
    made(api)

    assert api.post("/v1/policies", json={"name": "weekend"} | STEPS).status_code == 409
    assert api.put("/v1/policies/night-shift", json=STEPS).status_code == 409
    assert api.delete("/v1/policies/night-shift").status_code == 409


def test_what_is_wrong_with_a_policy_is_named_by_its_place(api: TestClient) -> None:
    wrong = STEPS | {"name": "wrong", "steps": [{"to": [{"contact": "zoe"}]}, {"to": [{"user": "ben"}]}]}

    answer = api.post("/v1/policies", json=wrong)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [
        "steps.1.to.0.user",
        "steps.0.to.0.contact",
    ]


def test_keys_that_contradict_each_other_are_refused(api: TestClient) -> None:
    answer = api.post("/v1/policies", json=STEPS | {"name": "w", "keys": {"1": "resolve"}})

    assert answer.status_code == 422
    assert "ack_digits" in answer.text


def test_an_alarm_goes_by_a_policy_made_here_and_keeps_it_as_it_was(api: TestClient) -> None:
    made(api)
    alarm = api.post("/v1/alarms", json={"summary": "s", "policy": "weekend"}).json()
    api.delete("/v1/policies/weekend")

    assert [call["number"] for call in alarm["calls"]] == ["+31611111111"]
    assert (alarm["step"], alarm["next_at"]) == (1, "2026-11-21T10:01:00Z")
    further = api.post(f"/v1/alarms/{alarm['id']}/escalate").json()
    assert [call["number"] for call in further["calls"]] == ["+31611111111", "+31622222222"]
    assert (further["step"], further["next_at"]) == (2, None)
    again = api.post(f"/v1/alarms/{alarm['id']}/escalate")
    assert (again.status_code, "last" in again.text) == (409, True)


def test_an_alarm_that_has_ended_does_not_go_on(api: TestClient) -> None:
    alarm = api.post("/v1/alarms", json=ALARM).json()
    api.post(f"/v1/alarms/{alarm['id']}/resolve")

    assert api.post(f"/v1/alarms/{alarm['id']}/escalate").status_code == 409
    assert api.post("/v1/alarms/nobody/escalate").status_code == 404


def test_a_contact_of_a_policy_is_not_deleted(api: TestClient, core: Core) -> None:
    api.put("/v1/contacts/ann", json={"ways": [{"number": "+31611111111"}]})
    made(api, steps=[{"to": [{"contact": "ann"}]}])

    assert api.delete("/v1/contacts/ann").status_code == 409
