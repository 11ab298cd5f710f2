"""Alarms for PBX users, at a site with an Axeos PBX alone and at one with a Yeastar beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.store import streams
from tests.api.conftest import client_of
from tests.cores import PBX, SettableClock, accept, claim, make_core, set_attempt

OFFICE = {
    "name": "office",
    "family": "axeos",
    "url": "https://pbx.example.org",
    "username": "apiKey",
    "password": "key",
    "trunk": [{"name": "voip", "channels": 2}],
}
ALARM = {
    "summary": "Boiler 3 over-pressure",
    "to": [{"user": "anna"}],
    "message": {"ivr": "6500"},
    "delivered_when": "answered",
}
MakeApi = Callable[..., tuple[TestClient, Core]]


@pytest.fixture
def site(store_url: str) -> Iterator[MakeApi]:
    """An API over PBXs of a test's choice."""
    made: list[Core] = []

    def make(*pbxes: dict[str, Any], clock: SettableClock | None = None) -> tuple[TestClient, Core]:
        made.append(make_core(store_url, clock, pbx=list(pbxes)))
        return client_of(made[-1]), made[-1]

    yield make
    for core in made:
        core.store.close()


def test_a_user_is_called_on_their_pbx_without_a_trunk(site: MakeApi) -> None:
    api, core = site(OFFICE, PBX)
    answer = api.post("/v1/alarms", json=ALARM)

    assert answer.status_code == 202, answer.text
    [call] = answer.json()["calls"]
    assert call["user"] == "anna"
    assert not call.keys() & {"number", "extension", "campaign_id"}
    assert call["waiting_for"] == "its turn: a channel is free on the extensions of office"
    assert claim(core, "voip") == []
    [attempt] = claim(core, "")
    accept(core, attempt, "1699887766.42")
    [shown] = api.get(f"/v1/calls/{call['id']}").json()["attempts"]
    assert (shown["pbx"], shown["trunk"], shown["callid"]) == ("office", None, "1699887766.42")


def test_a_call_waits_until_the_reports_of_its_pbx_are_read(site: MakeApi) -> None:
    clock = SettableClock()
    api, core = site(OFFICE, PBX, clock=clock)
    with core.store.write() as tx:
        streams.sync(tx, ["office"])
        streams.opened(tx, "office", clock())
        streams.lost(tx, "office", clock(), "no connection")
    [call] = api.post("/v1/alarms", json=ALARM).json()["calls"]

    assert call["waiting_for"] == (
        "the reports of office to be read, which nobody does now; until 10:00:10 UTC at most"
    )
    clock.move(seconds=10)
    waits = api.get(f"/v1/calls/{call['id']}").json()["waiting_for"]
    assert waits == "its turn: a channel is free on the extensions of office"


def test_a_users_second_call_waits_for_the_first(site: MakeApi) -> None:
    api, core = site(OFFICE)
    api.post("/v1/alarms", json=ALARM)
    [attempt] = claim(core, "")
    second = api.post("/v1/alarms", json=ALARM).json()["calls"][0]

    assert claim(core, "") == []
    assert second["waiting_for"] == (
        "the end of another call to the same phone, which rings for one at a time"
    )
    set_attempt(core, attempt, phase="ended", outcome="busy", channel_held=False)
    again = api.get(f"/v1/calls/{second['id']}").json()
    assert again["waiting_for"] == "its turn: a channel is free on the extensions of office"
    assert len(claim(core, "")) == 1


@pytest.mark.parametrize(
    ("changed", "fields", "words"),
    [
        ({"delivered_when": "acknowledged", "ack_digits": "1"}, ["delivered_when"], "ask for 'answered'"),
        ({"delivered_when": "heard"}, ["delivered_when"], "ask for 'answered'"),
        ({"ack_digits": "1", "delivered_when": None}, ["delivered_when"], "'acknowledged' can't be proven"),
        ({"to": [{"number": "+31612345678"}]}, ["delivered_when"], "Call a user of the PBX instead"),
        ({"to": [{"extension": "1002"}]}, ["to.0.extension"], "an IVR to an extension"),
        ({"message": {"prompt": "alarm"}}, ["to.0.user"], "a prompt to a PBX user"),
        (
            {"to": [{"user": "anna"}, {"number": "+31612345678"}, {"extension": "1002"}]},
            ["delivered_when", "to.2.extension"],
            "what becomes of the far end",
        ),
    ],
)
def test_what_axeos_could_not_know_or_place_is_refused_with_the_reason(
    site: MakeApi, changed: dict[str, Any], fields: list[str], words: str
) -> None:
    api, _ = site(OFFICE)
    answer = api.post("/v1/alarms", json=ALARM | changed)

    assert answer.status_code == 422
    problem = answer.json()
    assert [error["field"] for error in problem["errors"]] == fields
    assert words in answer.text
    assert api.get("/v1/alarms").json()["items"] == []


def test_a_campaign_of_numbers_is_refused_there(site: MakeApi) -> None:
    api, _ = site(OFFICE)
    answer = api.post(
        "/v1/campaigns",
        json={"name": "Drill", "message": {"prompt": "alarm"}, "delivered_when": "answered"},
    )

    assert answer.status_code == 422
    assert "delivered_when" in answer.text


def test_who_only_calls_users_need_not_say_what_counts(site: MakeApi) -> None:
    api, _ = site(OFFICE)

    assert (
        api.post("/v1/alarms", json=ALARM | {"delivered_when": None}).json()["delivered_when"] == "answered"
    )


def test_beside_another_family_each_takes_what_it_can(site: MakeApi) -> None:
    api, _ = site(OFFICE, PBX)
    both = [{"user": "anna"}, {"number": "+31612345678"}]
    answer = api.post("/v1/alarms", json=ALARM | {"to": both})

    assert answer.status_code == 202, answer.text
    assert [call.get("user") or call.get("number") for call in answer.json()["calls"]] == [
        "anna",
        "+31612345678",
    ]
    only_numbers = api.post(
        "/v1/alarms", json=ALARM | {"to": both[1:], "delivered_when": "acknowledged", "ack_digits": "1"}
    )
    assert only_numbers.status_code == 202, "a Yeastar proves it"
    with_user = api.post(
        "/v1/alarms", json=ALARM | {"to": both, "delivered_when": "acknowledged", "ack_digits": "1"}
    )
    assert with_user.status_code == 422
    assert "families: axeos" in with_user.text
