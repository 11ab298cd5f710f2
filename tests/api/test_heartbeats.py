"""/v1/heartbeats over HTTP: what is asked for, and every way of a sign of life."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.heartbeats import Hearing, Sweep
from tests.api.conftest import client_of
from tests.cores import SettableClock, make_core

BEAT = {"name": "backup", "every": 60, "grace": 10, "alarm": {"policy": "night-shift"}}


def shown(api: TestClient, name: str = "backup") -> dict[str, Any]:
    document: dict[str, Any] = api.get(f"/v1/heartbeats/{name}").json()
    return document


def test_a_heartbeat_is_made_heard_and_missed(api: TestClient, core: Core, clock: SettableClock) -> None:
    made = api.post("/v1/heartbeats", json=BEAT)
    assert made.status_code == 201
    assert made.json()["status"] == "new"
    assert "dispatcher_heartbeat_up{" not in api.get("/metrics").text

    heard = api.post("/v1/heartbeats/backup")
    assert heard.json() == {"name": "backup", "status": "up", "due_at": "2026-11-21T10:01:10Z"}
    assert 'dispatcher_heartbeat_up{name="backup"} 1.0' in api.get("/metrics").text

    hearing, sweep = Hearing(core), Sweep(core)
    for _ in range(40):
        clock.move(seconds=2)
        hearing.beat()
        sweep.look()
    down = shown(api)
    alarm = api.get(f"/v1/alarms/{down['alarm_id']}").json()
    assert (down["status"], alarm["status"], alarm["policy"]) == ("down", "open", "night-shift")
    metrics = api.get("/metrics").text
    assert 'dispatcher_heartbeat_up{name="backup"} 0.0' in metrics
    assert 'dispatcher_alarms_total{severity="critical",source="heartbeat"} 1.0' in metrics

    api.post("/v1/heartbeats/backup")
    assert api.get(f"/v1/alarms/{down['alarm_id']}").json()["status"] == "resolved"
    assert shown(api)["alarm_id"] is None


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "", {}),
        ("POST", "", {"json": {"what": "ever"}}),
        ("POST", "/ping", {"content": "no JSON \xff at all".encode("latin-1")}),
        ("GET", "/ping", {}),
        ("HEAD", "/ping", {}),
    ],
)
def test_every_way_of_a_sign_of_life(
    api: TestClient, method: str, path: str, options: dict[str, Any]
) -> None:
    api.post("/v1/heartbeats", json=BEAT)
    answer = api.request(method, f"/v1/heartbeats/backup{path}", **options)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert shown(api)["status"] == "up"
    assert api.request(method, f"/v1/heartbeats/nobody{path}", **options).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"every": 0}, "every"),
        ({"grace": -1}, "grace"),
        ({"name": "a/b"}, "name"),
        ({"alarm": {}}, "alarm.to"),
        ({"alarm": {"policy": "unknown"}}, "alarm.policy"),
        ({"alarm": {"policy": "night-shift", "dedup_key": "mine"}}, "alarm.dedup_key"),
        ({"alarm": {"to": [{"number": "1"}], "message": {"ivr": "6500"}}}, "alarm.to.0.number"),
        ({"alarm": {"policy": "night-shift", "severity": "high"}}, "alarm.severity"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field(
    api: TestClient, wrong: dict[str, Any], field: str
) -> None:
    answer = api.post("/v1/heartbeats", json=BEAT | wrong)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert api.get("/v1/heartbeats").json()["items"] == []


def test_it_is_changed_paused_resumed_and_deleted(api: TestClient) -> None:
    api.post("/v1/heartbeats", json=BEAT)
    assert api.post("/v1/heartbeats", json=BEAT).status_code == 409
    api.post("/v1/heartbeats/backup")
    changed = api.patch("/v1/heartbeats/backup", json={"every": 120})
    assert (changed.json()["every"], changed.json()["due_at"]) == (120, "2026-11-21T10:02:10Z")
    assert api.patch("/v1/heartbeats/backup", json={"alarm": {"policy": "no"}}).status_code == 422
    assert api.post("/v1/heartbeats/backup/pause").json()["status"] == "paused"
    assert api.post("/v1/heartbeats/backup").json() == {"name": "backup", "status": "paused", "due_at": None}
    assert api.post("/v1/heartbeats/backup/resume").json()["status"] == "up"
    assert [item["name"] for item in api.get("/v1/heartbeats").json()["items"]] == ["backup"]
    assert api.delete("/v1/heartbeats/backup").status_code == 204
    assert api.delete("/v1/heartbeats/backup").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/v1/heartbeats", {"admin", "operate"}),
        ("PATCH", "/v1/heartbeats/x", {"admin", "operate"}),
        ("DELETE", "/v1/heartbeats/x", {"admin", "operate"}),
        ("POST", "/v1/heartbeats/x/pause", {"admin", "operate"}),
        ("GET", "/v1/heartbeats", {"admin", "operate", "read"}),
        ("POST", "/v1/heartbeats/x", {"admin", "intake"}),
        ("GET", "/v1/heartbeats/x/ping", {"admin", "intake"}),
    ],
)
def test_who_may_do_what(sqlite_url: str, method: str, path: str, scopes: set[str]) -> None:
    keys = [
        {"name": scope, "token": scope, "scopes": [scope]} for scope in ("intake", "operate", "read", "admin")
    ]
    core = make_core(sqlite_url, api={"key": keys})
    api = client_of(core)
    allowed = {
        scope
        for scope in ("intake", "operate", "read", "admin")
        if api.request(method, path, json={}, headers={"Authorization": f"Bearer {scope}"}).status_code != 403
    }
    core.store.close()
    assert allowed == scopes
