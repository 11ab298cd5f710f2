"""Test alarms: past whatever keeps alarms quiet, told apart from real ones, and timed leg by leg."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import client_of
from tests.cores import PBX, TRUNK
from tests.scripted import Office, answered, failed, key, open_office, ringing

ANN = "31611111111"
NIGHT = {
    "name": "night",
    "to": [{"number": f"+{ANN}"}],
    "message": {"ivr": "6500"},
    "delivered_when": "acknowledged",
    "group": {"by": [], "wait": 60, "interval": 60},
    "severity": {"info": "record"},
}
ALL = [{"label": "severity", "op": "=~", "value": ".*"}]


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    pbx = PBX | {"trunk": [TRUNK | {"reserved_for_alarms": 0}]}
    with open_office(store_url, policy=[NIGHT], pbx=[pbx]) as made:
        yield made


@pytest.fixture
def api(office: Office) -> TestClient:
    return client_of(office.core)


def tried(api: TestClient, **body: Any) -> Any:
    answer = api.post("/v1/alarms/test", json=body or {"policy": "night"})
    assert answer.status_code == 202, answer.text
    return answer.json()


def legs(api: TestClient, alarm: Any) -> Any:
    return api.get(f"/v1/alarms/{alarm['id']}/legs").json()


def test_each_leg_is_timed(office: Office, api: TestClient) -> None:
    alarm = tried(api)
    assert (alarm["source"], alarm["status"], alarm["held_why"]) == ("test", "open", None)
    office.clock.move(seconds=0.25)
    [attempt] = office.claim()
    office.clock.move(seconds=0.25)
    office.driver.on_dial = lambda order: office.clock.move(seconds=0.5) and "1543289641.1"
    office.dialer.dial(attempt)
    office.clock.move(seconds=1)
    office.take(ringing("1543289641.1", ANN))
    begun = legs(api, alarm)
    assert (begun["over"], begun["delivered"], begun["waiting"]) == (False, False, 1)
    office.clock.move(seconds=4)
    office.take(answered("1543289641.1", ANN))
    office.clock.move(seconds=2)
    office.take(key("1543289641.1", "1", ANN))

    journey = legs(api, alarm)

    assert [(leg["name"], leg["seconds"]) for leg in journey["legs"]] == [
        ("durable", 0.0),
        ("claimed", 0.25),
        ("dial request", 0.25),
        ("accepted by the PBX", 0.5),
        ("ringing", 1.0),
        ("answered", 4.0),
        ("key", 2.0),
        ("acknowledged", 0.0),
        ("prompt ended", None),
    ]
    assert journey["legs"][-2]["since_raised"] == 8.0
    assert (journey["over"], journey["delivered"], journey["line"]) == (True, True, "PBX hq, trunk SPS-6-36")


def test_who_is_not_reached_is_called_once_and_it_is_over(office: Office, api: TestClient) -> None:
    alarm = tried(api, to=[{"number": f"+{ANN}"}], message={"ivr": "6500"})
    [attempt] = office.dialled()
    office.take(failed(office.attempt(attempt).callid, ANN))

    journey = legs(api, alarm)
    assert (journey["over"], journey["delivered"], journey["outcome"]) == (True, False, "busy")
    assert journey["status"] == "exhausted"


def test_silences_and_inhibitions_do_not_hold_it_and_it_holds_nothing(
    office: Office, api: TestClient
) -> None:
    assert api.post("/v1/silences", json={"matchers": ALL, "duration": 60}).status_code == 201
    trial = tried(api)
    assert [call["state"] for call in trial["calls"]] == ["queued"]
    [silence] = api.get("/v1/silences").json()["items"]
    api.delete(f"/v1/silences/{silence['id']}")

    rule = {"source": [{"label": "source", "value": "test"}], "target": [{"label": "source", "value": "api"}]}
    assert api.put("/v1/inhibitions/by-tests", json=rule).status_code == 201
    real = {"summary": "s", "to": [{"number": f"+{ANN}"}], "message": {"ivr": "6500"}, "severity": "info"}
    alarm = api.post("/v1/alarms", json=real | {"delivered_when": "acknowledged"}).json()
    assert alarm["held_why"] is None
    assert alarm["calls"][0]["id"] != trial["calls"][0]["id"], "a key in a test acknowledges nothing real"


def test_tests_are_told_apart_in_the_metrics(api: TestClient) -> None:
    tried(api)

    metrics = api.get("/metrics").text
    assert 'dispatcher_alarms_total{severity="info",source="test"} 1.0' in metrics
    assert 'dispatcher_alarms_total{severity="info",source="api"} 0.0' in metrics


def test_what_is_wrong_is_named(api: TestClient) -> None:
    answer = api.post("/v1/alarms/test", json={})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "to")
    assert api.post("/v1/alarms/test", json={"policy": "none"}).status_code == 422
    assert api.get("/v1/alarms/nobody/legs").status_code == 404
