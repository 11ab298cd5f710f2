"""Trunks: limits, channels in use and health; and changes at run time."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.signals import Topic
from dispatcher.store.tables import ForeignCall, Trunk, table
from tests.api.conftest import ALARM, client_of
from tests.cores import PBX, TRUNK, claim, make_core

PATH = "/v1/trunks/hq/SPS-6-36"


def only(api: TestClient) -> dict[str, Any]:
    [trunk] = api.get("/v1/trunks").json()["items"]
    found: dict[str, Any] = trunk
    return found


def test_a_trunk_shows_limits_use_and_health(api: TestClient, core: Core) -> None:
    api.post("/v1/alarms", json=ALARM)
    claim(core)
    with core.store.write() as tx:
        tx.execute(
            insert(table(ForeignCall)).values(
                pbx="hq", callid="9.9", trunk="SPS-6-36", since=core.clock(), releases=0
            )
        )

    assert only(api) == {
        "pbx": "hq",
        "name": "SPS-6-36",
        "channels": 30,
        "reserved_for_alarms": 4,
        "calls_per_second": None,
        "paused": False,
        "channels_in_use": {"ours": 1, "others": 1},
        "health": {
            "state": "up",
            "blocked_until": None,
            "blocked_why": None,
            "down_why": None,
            "failures_in_row": 0,
            "pbx_status": None,
            "pbx_usable": None,
            "checked_at": None,
        },
    }


def test_a_blocked_trunk_says_until_when_and_why(api: TestClient, core: Core) -> None:
    until = core.clock() + timedelta(seconds=20)
    with core.store.write() as tx:
        tx.execute(
            update(table(Trunk))
            .where(table(Trunk).c.name == "SPS-6-36")
            .values(blocked_until=until, blocked_why="5 failures in a row", failures_in_row=5)
        )

    health = only(api)["health"]

    assert health["state"] == "blocked"
    assert (health["blocked_until"], health["blocked_why"]) == ("2026-11-21T10:00:20Z", "5 failures in a row")
    [call, _] = api.post("/v1/alarms", json=ALARM).json()["calls"]
    assert call["waiting_for"] == (
        "the trunk hq/SPS-6-36, which is blocked until 10:00:20 UTC after 5 failures in a row"
    )


def test_a_trunk_that_is_down_says_why(api: TestClient, core: Core) -> None:
    with core.store.write() as tx:
        shown = {"pbx_status": "Failure", "pbx_usable": False, "checked_at": core.clock()}
        tx.execute(update(table(Trunk)).where(table(Trunk).c.name == "SPS-6-36").values(**shown))

    health = only(api)["health"]

    assert (health["state"], health["down_why"]) == ("down", "hq shows it as Failure")
    assert (health["pbx_status"], health["pbx_usable"]) == ("Failure", False)
    [call, _] = api.post("/v1/alarms", json=ALARM).json()["calls"]
    assert call["waiting_for"] == "the trunk hq/SPS-6-36, which is down: hq shows it as Failure"


def test_a_trunk_whose_block_is_over_is_tried_out(api: TestClient, core: Core) -> None:
    with core.store.write() as tx:
        block = {"blocked_until": core.clock(), "blocked_why": "5 failures in a row", "failures_in_row": 5}
        tx.execute(update(table(Trunk)).where(table(Trunk).c.name == "SPS-6-36").values(**block))
    api.post("/v1/alarms", json=ALARM)
    claim(core)
    another = ALARM | {"dedup_key": "another", "to": [{"number": "+31612345679"}]}
    [waiting] = api.post("/v1/alarms", json=another).json()["calls"]

    assert only(api)["health"]["state"] == "trying"
    assert waiting["waiting_for"] == (
        "the outcome of the call that tries hq/SPS-6-36 after 5 failures in a row"
    )


def test_limits_change_at_run_time_and_wake_the_pacer(api: TestClient, core: Core) -> None:
    wake_ups = core.signals.subscribe(Topic.PACER)
    changed = {"channels": 20, "reserved_for_alarms": 2, "calls_per_second": 2.5}

    answer = api.patch(PATH, json=changed)

    assert answer.status_code == 200
    assert answer.json() == only(api)
    assert {name: answer.json()[name] for name in changed} == changed
    assert wake_ups.wait(0)
    assert api.patch(PATH, json={"calls_per_second": None}).json()["calls_per_second"] is None


def test_every_change_has_an_event_with_its_author(api: TestClient, core: Core) -> None:
    for change in ({"channels": 20}, {"paused": True}, {"paused": True}, {"paused": False}):
        api.patch(PATH, json=change)

    with core.store.read() as tx:
        rows = tx.exec_driver_sql("SELECT subject, subject_id, name, cause FROM events ORDER BY id").all()
    assert [tuple(row) for row in rows] == [
        ("trunk", "hq/SPS-6-36", "changed", "by loopback: channels 30 → 20"),
        ("trunk", "hq/SPS-6-36", "paused", "by loopback: paused False → True"),
        ("trunk", "hq/SPS-6-36", "resumed", "by loopback: paused True → False"),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"channels": -1}, "channels"),
        ({"channels": None}, "channels"),
        ({"channels": 2.5}, "channels"),
        ({"paused": None}, "paused"),
        ({"reserved_for_alarms": 31}, "reserved_for_alarms"),
        ({"channels": 3}, "reserved_for_alarms"),
        ({"calls_per_second": 0}, "calls_per_second"),
        ({"name": "x"}, "name"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api: TestClient, change: dict[str, Any], field: str) -> None:
    before = only(api)

    answer = api.patch(PATH, json=change)

    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["errors"]]
    assert only(api) == before


@pytest.mark.parametrize("path", ["/v1/trunks/hq/none", "/v1/trunks/north/SPS-6-36", "/v1/trunks/hq/"])
def test_an_unknown_trunk_is_not_found(api: TestClient, path: str) -> None:
    assert api.patch(path, json={"paused": True}).status_code == 404


def test_trunks_come_in_pages_and_by_strange_names(store_url: str) -> None:
    names = ["a/b c", "é", "z"]
    core = make_core(store_url, pbx=[PBX | {"trunk": [TRUNK | {"name": name} for name in names]}])
    api = client_of(core)

    first = api.get("/v1/trunks", params={"limit": 2}).json()
    rest = api.get("/v1/trunks", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert sorted(item["name"] for item in first["items"] + rest["items"]) == sorted(names)
    assert rest["next_cursor"] is None
    assert api.patch("/v1/trunks/hq/a%2Fb%20c", json={"paused": True}).json()["name"] == "a/b c"
    core.store.close()
