"""``/v1/silences`` and ``/v1/inhibitions``, and what alarms make of them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from dispatcher.core import Core
from dispatcher.escalation.escalator import Escalator
from tests.api.conftest import ALARM
from tests.cores import SettableClock

NORTH = [{"label": "site", "value": "north"}]


def raised(api: TestClient, **changed: Any) -> Any:
    return api.post("/v1/alarms", json=ALARM | {"labels": {"site": "north"}} | changed).json()


def test_a_silence_is_made_listed_and_ended(api: TestClient, core: Core) -> None:
    answer = api.post("/v1/silences", json={"matchers": NORTH, "duration": 3600, "why": "repairs"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["ends_at"] == "2026-11-21T11:00:00Z"
    alarm = raised(api)
    assert alarm["calls"] == []
    assert "repairs" in alarm["held_why"]
    assert [item["id"] for item in api.get("/v1/silences").json()["items"]] == [made["id"]]

    ended = api.delete(f"/v1/silences/{made['id']}")
    Escalator(core).look()

    assert ended.json()["ends_at"] == "2026-11-21T10:00:00Z"
    assert len(api.get(f"/v1/alarms/{alarm['id']}").json()["calls"]) == 2
    assert api.get("/v1/silences").json()["items"] == []
    assert len(api.get("/v1/silences", params={"ended": True}).json()["items"]) == 1
    assert api.delete(f"/v1/silences/{made['id']}").status_code == 409
    assert api.delete("/v1/silences/none").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"matchers": []},
        {"matchers": NORTH, "duration": None},
        {"matchers": [{"label": "site", "op": "=~", "value": "("}]},
        {"matchers": NORTH, "ends_at": "2026-11-21T12:00:00Z"},
        {"matchers": NORTH, "duration": None, "ends_at": "2026-11-21T09:00:00Z"},
        {"matchers": NORTH, "windows": []},
    ],
)
def test_a_silence_without_sense_is_refused(api: TestClient, wrong: dict[str, Any]) -> None:
    asked = {key: value for key, value in ({"duration": 60} | wrong).items() if value is not None}

    assert api.post("/v1/silences", json=asked).status_code == 422


def test_an_inhibition_is_made_felt_changed_and_deleted(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    rule = {
        "source": [{"label": "severity", "value": "critical"}],
        "target": [{"label": "severity", "op": "!=", "value": "critical"}],
        "equal": ["site"],
    }
    assert api.put("/v1/inhibitions/greater", json=rule).status_code == 201
    assert api.put("/v1/inhibitions/greater", json=rule).status_code == 200
    greater = raised(api, dedup_key="g")
    lesser = raised(api, dedup_key="l", severity="warning")
    assert greater["id"] in lesser["held_why"]
    assert api.get("/v1/inhibitions").json()["items"][0]["equal"] == ["site"]

    assert api.delete("/v1/inhibitions/greater").status_code == 204
    Escalator(core).look()

    assert api.get(f"/v1/alarms/{lesser['id']}").json()["held_why"] is None
    assert api.get("/v1/inhibitions/greater").status_code == 404
    assert api.delete("/v1/inhibitions/greater").status_code == 404
