"""Alertmanager's webhook: its own payload, alert by alert."""

from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.intake import alarms, webhooks
from tests.api.conftest import client_of
from tests.cores import POLICY, SettableClock, make_core

PATH = "/v1/intake/alertmanager"

# As Alertmanager 0.27 posts it, with a group of two.
PAYLOAD: dict[str, Any] = {
    "receiver": "phone",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "BoilerPressure", "instance": "boiler-3:9100", "severity": "critical"},
            "annotations": {"summary": "Boiler 3 over-pressure", "description": "Pressure is 12 bar."},
            "startsAt": "2026-11-21T09:58:26.739266876Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=pressure+%3E+10&g0.tab=1",
            "fingerprint": "5ad6f5b5d9e4f7a1",
        },
        {
            "status": "firing",
            "labels": {"alertname": "BoilerPressure", "instance": "boiler-4:9100", "severity": "info"},
            "annotations": {"description": "Pressure of boiler 4 is 11 bar."},
            "startsAt": "2026-11-21T09:59:26.739Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=pressure+%3E+10&g0.tab=1",
            "fingerprint": "c2b9e0bb9a6d3f10",
        },
    ],
    "groupLabels": {"alertname": "BoilerPressure"},
    "commonLabels": {"alertname": "BoilerPressure"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{alertname="BoilerPressure"}',
    "truncatedAlerts": 0,
}


def payload(*changes: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """The payload with its alerts changed one by one, and members of its envelope."""
    document = deepcopy(PAYLOAD) | envelope
    for alert, change in zip(document["alerts"], changes, strict=False):
        alert.update(change)
    return document


def listed(api: TestClient, **filters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("/v1/alarms", params=filters).json()["items"]
    return items


def test_each_alert_of_a_real_payload_becomes_an_alarm(api: TestClient) -> None:
    answer = api.post(PATH, params={"policy": "night-shift"}, json=PAYLOAD)

    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["accepted"], taken["failed"], taken["truncated"]) == (2, 0, 0)
    assert [result["effect"] for result in taken["results"]] == ["raised", "raised"]
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    assert (alarm["summary"], alarm["severity"], alarm["source"], alarm["policy"]) == (
        "Boiler 3 over-pressure",
        "critical",
        "alertmanager",
        "night-shift",
    )
    assert alarm["details"]["labels"]["instance"] == "boiler-3:9100"
    assert alarm["details"]["annotations"]["description"] == "Pressure is 12 bar."
    assert alarm["details"]["generatorURL"].startswith("http://prometheus:9090/")
    assert alarm["details"]["externalURL"] == "http://alertmanager:9093"
    assert [call["state"] for call in alarm["calls"]] == ["queued", "queued"]
    other = api.get(f"/v1/alarms/{taken['results'][1]['alarm_id']}").json()
    assert (other["summary"], other["severity"]) == ("Pressure of boiler 4 is 11 bar.", "info")


def test_an_episode_is_one_alarm_from_its_start_to_its_resolution(
    api: TestClient, clock: SettableClock
) -> None:
    first = api.post(PATH, json=PAYLOAD).json()["results"]
    clock.move(hours=4)
    again = api.post(PATH, json=PAYLOAD).json()["results"]
    clock.move(minutes=1)
    over = api.post(
        PATH,
        json=payload(
            {
                "status": "resolved",
                "endsAt": "2026-11-21T14:01:00Z",
                "startsAt": "2026-11-21T10:58:26.739266876+01:00",
            }
        ),
    ).json()["results"]

    ids = [result["alarm_id"] for result in first]
    assert [(result["effect"], result["alarm_id"]) for result in again] == [
        ("joined", ids[0]),
        ("joined", ids[1]),
    ]
    assert [(result["effect"], result["alarm_id"]) for result in over] == [
        ("resolved", ids[0]),
        ("joined", ids[1]),
    ]
    assert [item["id"] for item in listed(api, status="resolved")] == [ids[0]]


def test_the_next_episode_of_an_alert_is_another_alarm(api: TestClient) -> None:
    api.post(PATH, json=PAYLOAD)

    later = api.post(PATH, json=payload({"startsAt": "2026-11-22T03:00:00Z"})).json()["results"]

    assert [result["effect"] for result in later] == ["raised", "joined"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"status": "flapping"}, "status"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"labels": ["a"]}, "labels"),
        ({"fingerprint": "f" * 300}, "fingerprint"),
    ],
)
def test_a_bad_alert_leaves_its_neighbours_alone(api: TestClient, bad: dict[str, Any], words: str) -> None:
    answer = api.post(PATH, json=payload(bad))

    assert answer.status_code == 202
    taken = answer.json()
    assert (taken["accepted"], taken["failed"]) == (1, 1)
    assert words in taken["results"][0]["error"]
    assert taken["results"][0]["alarm_id"] is None
    assert [item["dedup_key"] for item in listed(api)] == [taken["results"][1]["dedup_key"]]


@pytest.mark.parametrize("alert", [None, 7, "x", []])
def test_an_alert_that_is_none_is_only_listed(api: TestClient, alert: Any) -> None:
    taken = api.post(PATH, json=payload(alerts=[alert, PAYLOAD["alerts"][1]])).json()

    assert (taken["accepted"], taken["failed"]) == (1, 1)


def test_a_failure_of_our_own_spares_the_neighbours_and_asks_for_another_try(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take = alarms.take

    def stumbling(work: Any, request: Any, source: str) -> Any:
        taken = take(work, request, source)
        if "boiler-3" in str(request.details):
            raise ZeroDivisionError("hunter2")
        return taken

    monkeypatch.setattr(webhooks.episodes.alarms, "take", stumbling)

    key = {"Idempotency-Key": "one"}
    answer = api.post(PATH, json=PAYLOAD, headers=key)

    assert answer.status_code == 500, "Alertmanager tries again"
    assert "hunter2" not in answer.text
    assert [item["summary"] for item in listed(api)] == ["Pressure of boiler 4 is 11 bar."], (
        "rolled back alone"
    )
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    again = api.post(PATH, json=PAYLOAD, headers=key).json()
    assert [result["effect"] for result in again["results"]] == ["raised", "joined"]


def test_when_the_database_goes_away_midway_nothing_is_taken(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = alarms.take

    def going_away(work: Any, request: Any, source: str) -> Any:
        if "boiler-4" in str(request.details):
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))
        return take(work, request, source)

    monkeypatch.setattr(webhooks.episodes.alarms, "take", going_away)

    assert api.post(PATH, json=PAYLOAD).status_code == 503
    assert listed(api) == []


def test_alerts_that_were_left_out_are_told_of(api: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    taken = api.post(PATH, json=payload(truncatedAlerts=5)).json()

    assert taken["truncated"] == 5
    alarm = api.get(f"/v1/alarms/{taken['results'][0]['alarm_id']}").json()
    assert [event["cause"] for event in alarm["timeline"] if event["name"] == "truncated"] == [
        "alertmanager left 5 further alerts out of its notification; raise its max_alerts"
    ]
    assert "5 further alerts" in caplog.text


def test_no_alerts_at_all_is_fine(api: TestClient) -> None:
    assert api.post(PATH, json=payload(alerts=[])).json()["results"] == []


@pytest.mark.parametrize("body", [{}, {"alerts": {}}, {"alerts": [], "truncatedAlerts": -1}])
def test_what_is_no_notification_is_refused(api: TestClient, body: dict[str, Any]) -> None:
    assert api.post(PATH, json=body).status_code == 422


def test_an_unknown_policy_is_refused_with_the_known_ones(
    api: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api.post(PATH, params={"policy": "day"}, json=PAYLOAD)

    assert answer.status_code == 422
    assert "night-shift" in answer.json()["detail"]
    assert "nobody is called for its alerts: there is no policy named 'day'" in caplog.text
    assert listed(api) == []


@pytest.mark.parametrize(
    ("policies", "chosen"),
    [
        ([], None),
        ([POLICY], "night-shift"),
        ([POLICY, POLICY | {"name": "day"}], None),
        ([POLICY, POLICY | {"name": "day", "default": True}], "day"),
    ],
    ids=["none", "the only one", "one of two", "the default"],
)
def test_without_a_name_the_default_policy_or_the_only_one_is_taken(
    sqlite_url: str, policies: list[Any], chosen: str | None
) -> None:
    core: Core = make_core(sqlite_url, policy=policies)
    api = client_of(core)

    answer = api.post(PATH, json=PAYLOAD)

    assert answer.status_code == (202 if chosen else 422)
    assert {item["policy"] for item in listed(api)} == ({chosen} if chosen else set())
    core.store.close()


def test_an_alert_with_characters_that_no_database_holds_is_taken(api: TestClient) -> None:
    taken = api.post(PATH, json=payload({"labels": {"alertname": "a\x00b"}, "annotations": {}})).json()

    assert taken["failed"] == 0
    assert "a\ufffdb" in {item["summary"] for item in listed(api)}


def test_all_alerts_of_a_bad_night_fit_into_one_notification(sqlite_url: str) -> None:
    core: Core = make_core(sqlite_url)
    alert = PAYLOAD["alerts"][0] | {"annotations": {"summary": "Over-pressure", "description": "x" * 20_000}}
    alerts = [alert | {"fingerprint": f"{number:016x}"} for number in range(100)]

    taken = client_of(core).post(PATH, json=payload(alerts=alerts)).json()

    assert (taken["accepted"], taken["failed"]) == (100, 0), "over a megabyte, and it will not be sent again"
    core.store.close()


def test_the_largest_notification_can_be_set(sqlite_url: str) -> None:
    core: Core = make_core(sqlite_url, intake={"max_body_bytes": 2000})
    answer = client_of(core).post(PATH, json=payload(receiver="x" * 2000))
    assert answer.status_code == 413
    assert "intake.max_body_bytes" in answer.json()["detail"]
    core.store.close()
