"""Policies of which some recipients, or all, can't be called as the policy asks."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from tests.api.conftest import client_of
from tests.api.test_alertmanager import PATH, PAYLOAD
from tests.api.test_users import OFFICE
from tests.cores import PBX, make_core

ANNA = {"user": "anna"}
BEN = {"number": "+31612345678", "name": "Ben"}
MakeApi = Callable[..., TestClient]


@pytest.fixture
def office(sqlite_url: str) -> Iterator[MakeApi]:
    """An API with one policy, over an Axeos PBX and others of a test's choice."""
    made: list[Core] = []

    def make(*to: dict[str, Any], others: tuple[dict[str, Any], ...] = (), **policy: Any) -> TestClient:
        policy |= {"name": "duty", "to": list(to), "message": {"ivr": "6500"}}
        made.append(make_core(sqlite_url, pbx=[OFFICE, *others], policy=[policy]))
        return client_of(made[-1])

    yield make
    for core in made:
        core.store.close()


def raised(api: TestClient, **more: Any) -> Any:
    return api.post("/v1/alarms", json={"summary": "Boiler 3", "policy": "duty", **more})


def test_a_policy_for_users_alone_needs_no_proof_in_words(office: MakeApi) -> None:
    alarm = raised(office(ANNA)).json()

    assert alarm["delivered_when"] == "answered"
    assert [call["user"] for call in alarm["calls"]] == ["anna"]


def test_keys_that_the_policy_asks_for_are_still_asked_for(office: MakeApi) -> None:
    answer = raised(office(ANNA, ack_digits="5"))

    assert answer.status_code == 422
    assert "'acknowledged' can't be proven" in answer.text


def test_a_policy_for_numbers_still_asks_for_a_key(office: MakeApi) -> None:
    alarm = raised(office(BEN, others=(PBX,))).json()

    assert (alarm["delivered_when"], alarm["ack_digits"]) == ("acknowledged", "1")


def test_who_of_a_policy_can_be_called_is_called(office: MakeApi, caplog: pytest.LogCaptureFixture) -> None:
    api = office(ANNA, BEN, others=(PBX,))
    caplog.clear()
    taken = api.post(PATH, json=PAYLOAD).json()

    assert taken["failed"] == 0
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    assert [call.get("number") for call in alarm["calls"]] == ["+31612345678"]
    [cause] = [event["cause"] for event in alarm["timeline"] if event["name"] == "left_out"]
    assert cause.startswith("anna of policy duty is not called: 'acknowledged' can't be proven")
    assert f"alarm {alarm['id']}: to.0 of policy duty is not called" in caplog.text


def test_who_is_named_in_the_request_itself_is_not_left_out(office: MakeApi) -> None:
    assert raised(office(BEN, others=(PBX,)), to=[ANNA, BEN]).status_code == 422


@pytest.mark.parametrize(
    ("to", "effect"),
    [
        ([ANNA], "an alarm that names it is refused"),
        ([ANNA, BEN], "an alarm that names it calls the other recipients only"),
    ],
)
def test_the_log_of_the_start_names_the_policy(
    office: MakeApi, caplog: pytest.LogCaptureFixture, to: list[dict[str, Any]], effect: str
) -> None:
    office(*to, others=(PBX,), delivered_when="acknowledged")

    [warning] = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert warning.getMessage().startswith("policy duty can't be carried out: delivered_when: ")
    assert warning.getMessage().endswith(effect)


def test_nothing_is_said_of_a_good_policy(office: MakeApi, caplog: pytest.LogCaptureFixture) -> None:
    office(ANNA)

    assert not caplog.records


def test_a_notification_of_which_nothing_is_taken_is_no_success(
    office: MakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = office(ANNA, delivered_when="acknowledged")
    caplog.clear()
    key = {"Idempotency-Key": "one"}
    answer = api.post(PATH, json=PAYLOAD, headers=key)

    assert answer.status_code == 422, "Alertmanager takes any 2xx for a success"
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["accepted"], problem["failed"]) == (422, 0, 2)
    assert problem["detail"].startswith("no alert was taken: delivered_when: 'acknowledged' can't be proven")
    assert len(caplog.records) == 2
    assert "alert 1 (c2b9e0bb9a6d3f10@" in caplog.text
    assert "from alertmanager, policy duty, refused: delivered_when: " in caplog.text
    assert refused_of(api) == 2
    assert "Idempotency-Replayed" not in api.post(PATH, json=PAYLOAD, headers=key).headers, "nothing was done"


def test_one_refused_alert_of_a_notification_is_counted(
    office: MakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = office(ANNA)
    assert refused_of(api) == 0, "present from the start"
    answer = api.post(PATH, json=PAYLOAD | {"alerts": [{"status": "neither"}, PAYLOAD["alerts"][1]]})

    assert answer.status_code == 202
    assert refused_of(api) == 1
    assert "alert 0 (that can't be read) from alertmanager" in caplog.text


def refused_of(api: TestClient) -> float:
    """What the metric says."""
    [line] = [
        line
        for line in api.get("/metrics").text.splitlines()
        if line.startswith('dispatcher_alerts_refused_total{source="alertmanager"}')
    ]
    return float(line.split()[-1])
