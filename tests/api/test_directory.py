"""Contacts and groups over the API: made, changed, listed, and kept while something needs them."""

from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.store.tables import Policy, table
from tests.api.conftest import client_of
from tests.cores import POLICY, START, SettableClock, make_core

ANNA: dict[str, Any] = {
    "name": "anna",
    "full_name": "Anna Jansen",
    "ways": [{"number": "+31 6 1234-5678"}, {"extension": "1002", "pbx": "hq"}],
    "timezone": "Europe/Amsterdam",
    "limits": {"per_minute": 2, "per_hour": 10},
    "details": {"email": "anna@example.org"},
}
NEXT_WEEK = "2026-11-28T00:00:00Z"


def contact(api: TestClient, name: str, number: str = "+31611111111") -> None:
    answer = api.post("/v1/contacts", json={"name": name, "ways": [{"number": number}]})
    assert answer.status_code == 201, answer.text


def detail(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


def test_a_contact_is_made_shown_replaced_and_deleted(api: TestClient, clock: SettableClock) -> None:
    made = api.post("/v1/contacts", json=ANNA)
    assert made.status_code == 201
    assert made.json() == ANNA | {
        "ways": [{"number": "+31612345678"}, {"extension": "1002", "pbx": "hq"}],
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:00:00Z",
    }
    assert api.get("/v1/contacts/anna").json() == made.json()

    clock.move(hours=1)
    replaced = api.put("/v1/contacts/anna", json={"ways": [{"user": "a.jansen"}]})
    assert replaced.status_code == 200
    assert replaced.json() == {
        "name": "anna",
        "full_name": None,
        "ways": [{"user": "a.jansen"}],
        "timezone": None,
        "limits": {"per_minute": None, "per_hour": None},
        "details": None,
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T11:00:00Z",
    }

    assert api.delete("/v1/contacts/anna").status_code == 204
    assert detail(api.get("/v1/contacts/anna"), 404) == "there is no contact 'anna'"
    assert detail(api.delete("/v1/contacts/anna"), 404) == "there is no contact 'anna'"


def test_put_makes_a_contact_that_is_not_there(api: TestClient) -> None:
    answer = api.put("/v1/contacts/bob", json={"ways": [{"number": "+31622222222"}]})
    assert (answer.status_code, answer.json()["name"]) == (201, "bob")


def test_a_name_is_taken_once(api: TestClient) -> None:
    contact(api, "anna")
    answer = api.post("/v1/contacts", json=ANNA)
    assert detail(answer, 409) == "there is a contact named 'anna' already; change it with PUT"


def test_the_same_idempotency_key_makes_a_contact_once(api: TestClient) -> None:
    first = api.post("/v1/contacts", json=ANNA, headers={"Idempotency-Key": "1"})
    again = api.post("/v1/contacts", json=ANNA, headers={"Idempotency-Key": "1"})
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"ways": []}, "ways", "at least 1 item"),
        ({"ways": [{"number": "+3112"}]}, "ways.0.number", "its length is wrong"),
        ({"ways": [{"number": "0612345678"}]}, "ways.0.number", "set alarms.region"),
        ({"ways": [{"extension": "1", "pbx": "x"}]}, "ways.0.pbx", "no PBX is named 'x'; there are: hq"),
        (
            {"ways": [{"number": "+31612345678", "user": "a"}]},
            "ways.0",
            "exactly one of number, extension, user",
        ),
        ({"ways": [{"extension": "1"}, {"extension": "1"}]}, "ways", "a way is there twice"),
        ({"name": "a/b"}, "name", "pattern"),
        ({"timezone": "Mars/Olympus"}, "timezone", "IANA"),
        ({"limits": {"per_minute": 0}}, "limits.per_minute", "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told_by_field(api: TestClient, change: Any, field: str, told: str) -> None:
    answer = api.post("/v1/contacts", json=ANNA | change)
    assert told in detail(answer, 422)
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_contacts_come_in_pages_and_can_be_searched(api: TestClient) -> None:
    for name in ("carl", "anna", "bob"):
        contact(api, name)
    api.put("/v1/contacts/carl", json={"full_name": "Carl 100% Annand", "ways": [{"user": "c"}]})
    first = api.get("/v1/contacts", params={"limit": 2}).json()
    assert [one["name"] for one in first["items"]] == ["anna", "bob"]
    rest = api.get("/v1/contacts", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([one["name"] for one in rest["items"]], rest["next_cursor"]) == (["carl"], None)
    for search, found in (("ANN", ["anna", "carl"]), ("0% a", ["carl"]), ("_", [])):
        listed = api.get("/v1/contacts", params={"search": search}).json()["items"]
        assert [one["name"] for one in listed] == found


def test_a_group_keeps_the_order_of_its_members(api: TestClient) -> None:
    for name in ("anna", "bob"):
        contact(api, name)
    made = api.post("/v1/groups", json={"name": "ops", "members": ["bob", "anna", "bob"]})
    assert (made.status_code, made.json()["members"]) == (201, ["bob", "anna"])
    assert api.put("/v1/groups/ops", json={"members": ["anna"]}).json()["members"] == ["anna"]
    assert api.put("/v1/groups/dev", json={"members": []}).status_code == 201
    assert [one["name"] for one in api.get("/v1/groups").json()["items"]] == ["dev", "ops"]
    assert api.delete("/v1/groups/ops").status_code == 204
    assert detail(api.get("/v1/groups/ops"), 404) == "there is no group 'ops'"


def test_a_group_of_somebody_unknown_is_refused(api: TestClient) -> None:
    answer = api.post("/v1/groups", json={"name": "ops", "members": ["dora"]})
    assert detail(answer, 422) == "members.0: there is no contact named 'dora'"
    assert api.get("/v1/groups").json()["items"] == []


def test_a_contact_in_use_stays_and_the_answer_says_by_what(api: TestClient, core: Core) -> None:
    for name in ("anna", "bob"):
        contact(api, name)
    api.post("/v1/groups", json={"name": "ops", "members": ["anna"]})
    layer = {"members": ["bob", "anna"], "starts": "2026-11-16"}
    api.post("/v1/schedules", json={"name": "night", "timezone": "UTC", "layers": [layer]})
    api.post("/v1/schedules/night/overrides", json={"contact": "anna", "ends_at": NEXT_WEEK})
    policy = {"steps": [{"to": [{"contact": "anna"}]}], "message": {"ivr": "6500"}}
    row = {"name": "boiler", "document": policy, "created_at": START, "updated_at": START}
    with core.store.write() as tx:
        tx.execute(insert(table(Policy)).values(row))

    assert detail(api.delete("/v1/contacts/anna"), 409) == (
        "the contact 'anna' is in use by the group 'ops', the schedule 'night', "
        "an override of the schedule 'night' until 2026-11-28 00:00 UTC, the policy 'boiler'; "
        "change that first"
    )
    assert api.get("/v1/contacts/anna").status_code == 200


@pytest.mark.parametrize(
    ("path", "alarm"),
    [
        ("/v1/contacts/anna", {"to": [{"contact": "anna"}], "message": {"ivr": "6500"}}),
        ("/v1/groups/ops", {"to": [{"group": "ops"}], "message": {"ivr": "6500"}}),
        ("/v1/policies/weekend", {"policy": "weekend"}),
    ],
)
def test_whom_a_heartbeat_would_call_stays(api: TestClient, path: str, alarm: dict[str, Any]) -> None:
    contact(api, "anna")
    api.post("/v1/groups", json={"name": "ops", "members": []})
    to = [{"number": "+31612345678"}]
    api.post("/v1/policies", json={"name": "weekend", "to": to, "message": {"ivr": "6500"}})
    api.post("/v1/heartbeats", json={"name": "backup", "every": 60, "alarm": alarm})

    assert "is in use by the heartbeat 'backup'" in detail(api.delete(path), 409)
    assert api.get(path).status_code == 200
    api.delete("/v1/heartbeats/backup")
    assert api.delete(path).status_code == 204


def test_an_override_that_is_over_keeps_nobody(api: TestClient, clock: SettableClock) -> None:
    contact(api, "anna")
    api.post("/v1/schedules", json={"name": "night", "timezone": "UTC"})
    api.post("/v1/schedules/night/overrides", json={"contact": "anna", "ends_at": NEXT_WEEK})
    assert api.delete("/v1/contacts/anna").status_code == 409
    clock.move(days=8)
    assert api.delete("/v1/contacts/anna").status_code == 204


def test_a_group_that_a_policy_of_the_configuration_names_stays(store_url: str) -> None:
    core = make_core(store_url, policy=[POLICY | {"to": [{"group": "ops"}]}])
    api = client_of(core)
    api.post("/v1/groups", json={"name": "ops", "members": []})
    assert "the policy 'night-shift' of the configuration" in detail(api.delete("/v1/groups/ops"), 409)
    core.store.close()


def test_reading_and_changing_need_their_scopes(store_url: str) -> None:
    keys = [{"name": name, "token": name * 8, "scopes": [name]} for name in ("intake", "read", "operate")]
    core = make_core(store_url, api={"key": keys})
    api = client_of(core)
    paths = ("/v1/contacts", "/v1/groups", "/v1/schedules", "/v1/do-not-call")

    def status(method: str, path: str, key: str) -> int:
        headers = {"Authorization": f"Bearer {key * 8}"}
        answer = api.request(method, path, headers=headers, json={} if method == "POST" else None)
        return int(answer.status_code)

    for path in paths:
        assert [status("GET", path, key) for key in ("intake", "read", "operate")] == [403, 200, 200]
        assert [status("POST", path, key) for key in ("intake", "read", "operate")] == [403, 403, 422]
        assert [status("DELETE", f"{path}/x1", key) for key in ("intake", "read")] == [403, 403]
    core.store.close()
