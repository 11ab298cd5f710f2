"""An IVR that no PBX has: refused by its field where somebody reads the answer, noted where nobody does."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.pbx.protocol import Ivr, Session
from dispatcher.store import ivrs
from dispatcher.upkeep.menus import IvrWatch
from tests.api.conftest import client_of
from tests.cores import PBX, POLICY, SettableClock, make_core
from tests.scripted import ScriptedDriver, open_office

ALARM: dict[str, Any] = {"summary": "s", "to": [{"number": "+31612345678"}], "message": {"ivr": "6999"}}
CAMPAIGN = {"name": "drill", "message": {"ivr": "6999"}, "delivered_when": "heard"}
TWO = [PBX, PBX | {"name": "site2", "trunk": [{"name": "T", "channels": 1, "extension": "1000"}]}]
ALERTS = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Down"},
            "annotations": {"summary": "Down"},
            "startsAt": "2026-11-21T09:59:00Z",
            "fingerprint": "f1",
        }
    ],
}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def core(store_url: str, clock: SettableClock) -> Iterator[Core]:
    wrong = POLICY | {"message": {"ivr": "6999"}}
    made = make_core(store_url, clock, pbx=TWO, policy=[wrong])
    yield made
    made.store.close()


@pytest.fixture
def api(core: Core) -> TestClient:
    return client_of(core)


def shows(core: Core, pbx: str, *numbers: str) -> None:
    with core.store.write() as tx:
        ivrs.note(tx, core.clock(), pbx, numbers)


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def test_it_is_refused_by_its_field_when_every_pbx_is_known_not_to_have_it(
    core: Core, api: TestClient
) -> None:
    shows(core, "hq", "6500", "6501")
    assert api.post("/v1/alarms", json=ALARM).status_code == 202, "the other PBX may have it"
    shows(core, "site2", "6600")

    refused = api.post("/v1/alarms", json=ALARM)

    assert fields(refused) == ["message.ivr"]
    assert "hq has 6500, 6501; site2 has 6600" in refused.text
    assert fields(api.post("/v1/alarms", json={"summary": "s", "policy": "night-shift"})) == ["policy"]
    assert fields(api.post("/v1/alarms/test", json={"policy": "night-shift"})) == ["policy"]
    assert fields(api.post("/v1/campaigns", json=CAMPAIGN)) == ["message.ivr"]
    policy = {
        "steps": [{"to": ALARM["to"], "message": {"ivr": "6998"}}],
        "message": {"ivr": "6500"},
        "messages": [{"severity": ["info"], "message": {"ivr": "6999"}}],
    }
    assert fields(api.put("/v1/policies/p", json=policy)) == ["messages.0.message.ivr", "steps.0.message.ivr"]


def test_what_exists_on_one_of_them_is_taken(core: Core, api: TestClient) -> None:
    shows(core, "hq", "6500")
    shows(core, "site2", "6999")
    assert api.post("/v1/alarms", json=ALARM).status_code == 202
    assert api.post("/v1/campaigns", json=CAMPAIGN).status_code == 201
    assert fields(api.post("/v1/campaigns", json=CAMPAIGN | {"trunks": ["hq/SPS-6-36"]})) == ["message.ivr"]


@pytest.mark.parametrize("shown", [(), ("_69XX", "6500")], ids=["nothing shown", "a pattern of Asterisk's"])
def test_what_is_not_certain_is_no_reason_to_refuse(
    core: Core, api: TestClient, shown: tuple[str, ...]
) -> None:
    shows(core, "hq", *shown)
    shows(core, "site2", "6600")
    assert api.post("/v1/alarms", json=ALARM).status_code == 202


def test_what_was_seen_long_ago_is_no_reason_to_refuse(
    core: Core, api: TestClient, clock: SettableClock
) -> None:
    shows(core, "hq", "6500")
    shows(core, "site2", "6600")
    clock.move(minutes=59)
    assert fields(api.post("/v1/alarms", json=ALARM)) == ["message.ivr"]
    clock.move(minutes=1)
    assert api.post("/v1/alarms", json=ALARM).status_code == 202


def test_a_monitoring_system_is_never_refused_for_it(core: Core, api: TestClient) -> None:
    shows(core, "hq", "6500")
    shows(core, "site2", "6600")

    answer = api.post("/v1/intake/alertmanager", json=ALERTS)

    assert answer.status_code in (200, 202), answer.text
    [alarm] = api.get("/v1/alarms").json()["items"]
    shown = api.get(f"/v1/alarms/{alarm['id']}").json()
    [note] = [event for event in shown["timeline"] if event["name"] == "unknown_ivr"]
    assert "there is no IVR '6999'" in note["cause"]
    assert shown["calls"]
    assert 'dispatcher_alarms_unknown_ivr_total{source="alertmanager"} 1.0' in api.get("/metrics").text


class _WithMenus(ScriptedDriver):
    def ivrs(self, session: Session) -> list[Ivr]:
        self._note(session)
        return [Ivr("6501", "night"), Ivr("6500", "day")]


def test_upkeep_remembers_what_a_pbx_shows(store_url: str) -> None:
    with open_office(store_url, driver=_WithMenus()) as office:
        IvrWatch(office.core, office.sessions).look("hq")
        office.clock.move(minutes=5)
        IvrWatch(office.core, office.sessions).look("hq")
        with office.core.store.read() as tx:
            assert ivrs.known(tx, office.clock()) == {"hq": frozenset({"6500", "6501"})}


def test_a_pbx_that_can_not_tell_is_not_known(store_url: str) -> None:
    with open_office(store_url) as office:
        IvrWatch(office.core, office.sessions).look("hq")
        with office.core.store.read() as tx:
            assert ivrs.known(tx, office.clock()) == {}
