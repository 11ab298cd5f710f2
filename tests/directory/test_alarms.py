"""Alarms for people by their names: who is rung is whom the directory means at that moment."""

from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.directory.contacts import create_contact, put_contact
from dispatcher.directory.requests import ContactSpec, NewContact
from dispatcher.errors import Clash
from dispatcher.store.tables import Call, table
from dispatcher.work import carry_out
from tests.api.conftest import client_of
from tests.cores import SettableClock, make_core

_calls = table(Call)
WEEKLY = {"members": ["anna", "bob"], "starts": "2026-11-16", "hand_over": "08:00"}


@pytest.fixture
def core(store_url: str) -> Iterator[Core]:
    made = make_core(store_url, SettableClock())
    yield made
    made.store.close()


@pytest.fixture
def api(core: Core) -> TestClient:
    made = client_of(core)
    for place, name in enumerate(("anna", "bob")):
        made.put(f"/v1/contacts/{name}", json={"ways": [{"number": f"+3161111111{place}"}]})
    made.put("/v1/schedules/night", json={"timezone": "Europe/Amsterdam", "layers": [WEEKLY]})
    made.put("/v1/groups/ops", json={"members": ["bob", "anna"]})
    return made


def raised(api: TestClient, *to: dict[str, Any], status: int = 202) -> dict[str, Any]:
    body = {"summary": "fire", "to": list(to), "message": {"ivr": "6500"}}
    answer = api.post("/v1/alarms", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def rung(core: Core) -> list[str]:
    with core.store.read() as tx:
        return sorted(tx.execute(select(_calls.c.number).where(_calls.c.state == "queued")).scalars())


def test_whoever_is_on_call_is_rung(api: TestClient, core: Core) -> None:
    raised(api, {"schedule": "night"})
    assert rung(core) == ["+31611111110"]


def test_a_group_rings_everybody_once(api: TestClient, core: Core) -> None:
    raised(api, {"group": "ops"}, {"schedule": "night"}, {"number": "+31611111110"})
    assert rung(core) == ["+31611111110", "+31611111111"]


def test_somebody_unknown_is_refused_with_the_names_that_exist(api: TestClient) -> None:
    answer = raised(api, {"contact": "anna"}, {"contact": "dora"}, {"schedule": "day"}, status=422)
    assert {fault["field"]: fault["detail"] for fault in answer["errors"]} == {
        "to.1.contact": "there is no contact named 'dora'; there are: anna, bob",
        "to.2.schedule": "there is no schedule named 'day'; there are: night",
    }


def test_who_forbids_even_alarms_is_left_out_and_the_timeline_says_so(api: TestClient, core: Core) -> None:
    api.put("/v1/do-not-call/+31611111110", json={"alarms_too": True, "why": "moved abroad"})
    alarm = raised(api, {"group": "ops"})
    assert rung(core) == ["+31611111111"]
    timeline = api.get(f"/v1/alarms/{alarm['id']}").json()["timeline"]
    assert any("do-not-call list" in event["cause"] for event in timeline)


@pytest.mark.parametrize("make_or_replace", [False, True])
def test_of_many_who_make_one_contact_at_once_one_does(core: Core, make_or_replace: bool) -> None:
    spec = {"ways": [{"number": "+31611111110"}]}
    together, made = Barrier(4), []

    def make() -> None:
        together.wait()
        try:
            if make_or_replace:
                is_new = carry_out(core, lambda work: put_contact(work, "anna", ContactSpec(**spec)))
            else:
                carry_out(core, lambda work: create_contact(work, NewContact(name="anna", **spec)))
                is_new = True
        except Clash:
            is_new = False
        made.append(is_new)

    threads = [Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
