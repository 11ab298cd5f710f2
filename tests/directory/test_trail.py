"""Who has changed what decides whom is called and who is told, and how."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from tests.api.conftest import client_of
from tests.cores import SettableClock, make_core
from tests.directory.office import WEEKLY

KEYS = [
    {"name": "anna", "token": "a" * 32, "scopes": ["admin"]},
    {"name": "night-shift", "token": "b" * 32, "scopes": ["operate"]},
]
ANNA = {"Authorization": f"Bearer {'a' * 32}"}
NIGHT = {"Authorization": f"Bearer {'b' * 32}"}


@pytest.fixture
def core(store_url: str) -> Iterator[Core]:
    made = make_core(store_url, SettableClock(), api={"key": KEYS})
    yield made
    made.store.close()


@pytest.fixture
def api(core: Core) -> TestClient:
    return client_of(core, headers=ANNA)


def trail(api: TestClient, **asked: Any) -> list[tuple[str, str, str, str]]:
    answer = api.get("/v1/trail", params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["subject"], one["subject_id"], one["name"], one["cause"]) for one in answer.json()["items"]]


def ok(answer: Any) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def test_a_contact_has_a_trail_from_its_making_to_its_end(api: TestClient) -> None:
    ok(api.put("/v1/contacts/ben", json={"ways": [{"number": "+31611111111"}]}))
    ok(api.put("/v1/contacts/ben", json={"ways": [{"number": "+31622222222"}]}, headers=NIGHT))
    ok(api.put("/v1/contacts/ben", json={"ways": [{"number": "+31622222222"}]}, headers=NIGHT))
    ok(api.delete("/v1/contacts/ben"))
    assert trail(api) == [
        ("contact", "ben", "deleted", "deleted by anna"),
        ("contact", "ben", "changed", "changed by night-shift: ways"),
        ("contact", "ben", "created", "created by anna"),
    ]
    [_, changed, _] = api.get("/v1/trail").json()["items"]
    assert changed["at"] == "2026-11-21T10:00:00Z"
    assert changed["data"] == {
        "by": "night-shift",
        "before": {"ways": [{"number": "+31611111111"}]},
        "after": {"ways": [{"number": "+31622222222"}]},
    }


def test_what_was_refused_leaves_no_trail(api: TestClient) -> None:
    assert api.put("/v1/groups/ops", json={"members": ["nobody"]}).status_code == 422
    assert api.delete("/v1/contacts/nobody").status_code == 404
    assert trail(api) == []


def test_groups_schedules_and_overrides_have_a_trail(api: TestClient) -> None:
    for name in ("anna", "bob"):
        ok(api.put(f"/v1/contacts/{name}", json={"ways": [{"number": "+31611111111"}]}))
    ok(api.post("/v1/groups", json={"name": "ops", "members": ["anna"]}))
    ok(api.put("/v1/groups/ops", json={"members": ["bob", "anna"], "description": "day"}))
    ok(api.delete("/v1/groups/ops"))
    ok(api.put("/v1/schedules/night", json={"timezone": "UTC", "layers": [WEEKLY]}))
    ok(api.put("/v1/schedules/night", json={"timezone": "Europe/Amsterdam", "layers": [WEEKLY]}))
    asked = {"contact": "bob", "instead_of": "anna", "ends_at": "2026-11-21T20:00:00Z", "why": "ill"}
    made = ok(api.post("/v1/schedules/night/overrides", json=asked, headers=NIGHT))
    ok(api.delete(f"/v1/schedules/night/overrides/{made['id']}"))
    feed = {"url": "http://127.0.0.1:9/a-secret-address.ics"}
    ok(api.put("/v1/schedules/night/calendar", json=feed))
    ok(api.delete("/v1/schedules/night"))

    took_over = "bob instead of anna from 2026-11-21 10:00 to 2026-11-21 20:00 UTC"
    assert trail(api, subject="group", name="ops") == [
        ("group", "ops", "deleted", "deleted by anna"),
        ("group", "ops", "changed", "changed by anna: members, description"),
        ("group", "ops", "created", "created by anna"),
    ]
    assert trail(api, subject="schedule") == [
        ("schedule", "night", "deleted", "deleted by anna"),
        ("schedule", "night", "calendar", "its calendar is fetched from 127.0.0.1, by anna"),
        ("schedule", "night", "override_removed", f"{took_over}, by anna"),
        ("schedule", "night", "override_added", f"{took_over}, by night-shift"),
        ("schedule", "night", "changed", "changed by anna: timezone"),
        ("schedule", "night", "created", "created by anna"),
    ]
    assert "secret" not in api.get("/v1/trail").text


def test_forbidden_numbers_have_a_trail(api: TestClient) -> None:
    ok(api.put("/v1/do-not-call/+31612345678", json={"why": "asked by letter"}))
    ok(api.put("/v1/do-not-call/+31612345678", json={"why": "asked by letter", "alarms_too": True}))
    ok(api.delete("/v1/do-not-call/+31612345678", headers=NIGHT))
    rows = "number;why\n+31611111111;a\n+31622222222;b\n"
    ok(api.post("/v1/do-not-call/import", content=rows, headers={"Content-Type": "text/csv"}))
    assert trail(api, subject="do_not_call") == [
        ("do_not_call", "import", "imported", "2 numbers imported by anna"),
        ("do_not_call", "+31612345678", "deleted", "deleted by night-shift"),
        ("do_not_call", "+31612345678", "changed", "changed by anna: alarms too"),
        ("do_not_call", "+31612345678", "created", "created by anna"),
    ]


POLICY = {"to": [{"number": "+31611111111"}], "message": {"ivr": "6500"}}


def test_policies_have_a_trail(api: TestClient) -> None:
    ok(api.post("/v1/policies", json={"name": "night", **POLICY}))
    ok(api.put("/v1/policies/night", json=POLICY | {"repeat": 1}, headers=NIGHT))
    ok(api.put("/v1/policies/night", json=POLICY | {"repeat": 1}))
    ok(api.delete("/v1/policies/night"))
    assert trail(api, subject="policy", name="night") == [
        ("policy", "night", "deleted", "deleted by anna"),
        ("policy", "night", "changed", "changed by night-shift: repeat"),
        ("policy", "night", "created", "created by anna"),
    ]
    changed = api.get("/v1/trail", params={"subject": "policy"}).json()["items"][1]
    assert changed["data"] == {"by": "night-shift", "before": {}, "after": {"repeat": 1}}


def test_silences_and_inhibitions_have_a_trail(api: TestClient) -> None:
    north = [{"label": "site", "op": "=", "value": "north"}]
    made = ok(api.post("/v1/silences", json={"matchers": north, "duration": 3600, "why": "repairs"}))["id"]
    ok(api.delete(f"/v1/silences/{made}", headers=NIGHT))
    rule = {"source": north, "target": north}
    ok(api.put("/v1/inhibitions/down", json=rule))
    ok(api.put("/v1/inhibitions/down", json=rule | {"equal": ["site"]}, headers=NIGHT))
    ok(api.delete("/v1/inhibitions/down"))
    assert trail(api) == [
        ("inhibition", "down", "deleted", "deleted by anna"),
        ("inhibition", "down", "changed", "changed by night-shift: equal"),
        ("inhibition", "down", "created", "created by anna"),
        ("silence", made, "changed", "changed by night-shift: ends at"),
        ("silence", made, "created", "created by anna"),
    ]


def test_webhooks_have_a_trail_without_their_secrets(api: TestClient) -> None:
    address = "https://desk.example.org/hooks/token-5f2c"
    secret = ok(api.post("/v1/webhooks", json={"name": "desk", "url": address}))["secret"]
    ok(api.patch("/v1/webhooks/desk", json={"url": f"{address}9"}))
    ok(api.patch("/v1/webhooks/desk", json={"kinds": ["alarm.*"], "active": False}))
    other = ok(api.post("/v1/webhooks/desk/rotate"))["secret"]
    ok(api.delete("/v1/webhooks/desk"))
    assert [cause for *_, cause in trail(api, subject="webhook", name="desk")] == [
        "deleted by anna",
        "changed by anna: secret",
        "changed by anna: active, kinds",
        "changed by anna: url",
        "created by anna",
    ]
    told = api.get("/v1/trail").text
    assert "desk.example.org" in told
    assert not [word for word in (secret, other, "token-5f2c", "hooks") if word in told]


def test_the_trail_comes_in_pages(api: TestClient) -> None:
    for place in range(5):
        ok(api.put(f"/v1/contacts/c{place}", json={"ways": [{"number": "+31611111111"}]}))
    first = api.get("/v1/trail", params={"limit": 3}).json()
    second = api.get("/v1/trail", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    told = [one["subject_id"] for one in first["items"] + second["items"]]
    assert told == ["c4", "c3", "c2", "c1", "c0"]
    assert second["next_cursor"] is None


def test_the_trail_is_read_with_a_key_that_may_read(core: Core) -> None:
    assert client_of(core).get("/v1/trail").status_code == 401


def test_an_override_without_a_replacement_leaves_a_gap(api: TestClient) -> None:
    for name in ("anna", "bob"):
        ok(api.put(f"/v1/contacts/{name}", json={"ways": [{"number": "+31611111111"}]}))
    ok(api.put("/v1/schedules/night", json={"timezone": "UTC", "layers": [WEEKLY]}))
    off = {"contact": None, "instead_of": "anna", "ends_at": "2026-11-21T20:00:00Z", "why": "ill"}
    made = ok(api.post("/v1/schedules/night/overrides", json=off))
    assert (made["contact"], made["instead_of"]) == (None, "anna")

    schedule = ok(api.get("/v1/schedules/night"))
    assert schedule["on_call"] == []
    assert schedule["warnings"] == ["nobody is on call from now until 2026-11-21 20:00 (UTC)"]
    [gap] = ok(api.get("/v1/schedules/night/gaps"))["items"]
    assert (gap["start"], gap["end"]) == ("2026-11-21T10:00:00Z", "2026-11-21T20:00:00Z")

    ok(api.delete(f"/v1/schedules/night/overrides/{made['id']}"))
    assert ok(api.get("/v1/schedules/night"))["on_call"] == ["anna"]
    assert api.post("/v1/schedules/night/overrides", json={"ends_at": off["ends_at"]}).status_code == 422
