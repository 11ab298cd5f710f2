"""Campaigns over HTTP: made, filled, started, steered and ended, by people and their scripts."""

from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallState
from dispatcher.intake.campaigns import withdrawal
from dispatcher.signals import Topic
from dispatcher.store.tables import Call, Campaign, Event, table
from tests.api.conftest import client_of
from tests.cores import SettableClock, make_core

CAMPAIGN: dict[str, Any] = {"name": "Appointments", "message": {"ivr": "6500"}, "region": "NL"}
WORKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "20:00"}
THREE = "number,name\n+31612345671,Anna\n+31612345672,Bob\n+31612345673,Cas\n"

_calls, _campaigns, _events = table(Call), table(Campaign), table(Event)


def create(api: TestClient, **asked: Any) -> dict[str, Any]:
    answer = api.post("/v1/campaigns", json={**CAMPAIGN, **asked})
    assert answer.status_code == 201, answer.text
    campaign: dict[str, Any] = answer.json()
    return campaign


def upload(api: TestClient, campaign_id: str, body: str | bytes, kind: str = "text/csv") -> dict[str, Any]:
    path = f"/v1/campaigns/{campaign_id}/contacts"
    answer = api.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def started(api: TestClient) -> str:
    campaign_id: str = create(api)["id"]
    upload(api, campaign_id, THREE)
    assert api.post(f"/v1/campaigns/{campaign_id}/start").status_code == 200
    return campaign_id


def event_names(core: Core, campaign_id: str) -> list[str]:
    query = select(_events.c.name).where(_events.c.subject_id == campaign_id).order_by(_events.c.id)
    with core.store.read() as tx:
        return list(tx.execute(query).scalars())


def test_a_campaign_begins_as_a_draft_that_calls_nobody(api: TestClient, core: Core) -> None:
    asked = {
        "delivered_when": "acknowledged",
        "ack_digits": "15",
        "retry": {"max_attempts": 2, "busy": 10},
        "priority": 7,
        "weight": 3,
        "max_concurrent": 4,
        "trunks": ["hq/SPS-6-36"],
        "windows": [WORKDAYS],
        "timezone": "Europe/Amsterdam",
        "expires_at": "2026-12-01T00:00:00+01:00",
        "callback_url": "https://example.org/done",
    }

    campaign = create(api, **asked)

    assert campaign["status"] == "draft"
    assert campaign["expires_at"] == "2026-11-30T23:00:00Z"
    same = {name: value for name, value in asked.items() if name != "expires_at"}
    assert {name: campaign[name] for name in same} == same
    assert campaign["counts"] == dict.fromkeys(CallState, 0)
    assert set(campaign["outcomes"].values()) == {0}
    assert campaign["rates"] == {"delivered": None, "answered": None, "per_minute": 0.0}
    assert campaign["estimated_end"] is None
    assert event_names(core, campaign["id"]) == ["created"]


def test_what_is_left_out_is_chosen_with_care(api: TestClient) -> None:
    windowed = create(api, windows=[WORKDAYS])
    queue = create(api, message={"queue": "6700"})

    assert windowed["timezone"] == "recipient"  # nobody is rung by someone else's clock
    assert windowed["delivered_when"] == "heard"
    assert queue["delivered_when"] == "answered"


@pytest.mark.parametrize(
    ("asked", "field", "reason"),
    [
        ({"name": " "}, "name", "at least 1 character"),
        ({"message": {}}, "message", "exactly one of"),
        ({"message": {"ivr": "6500", "count": 2}}, "message.count", "count goes with a prompt"),
        ({"message": {"prompt": "a", "count": 2}}, "message.prompt", "repeat"),
        (
            {"message": {"queue": "6700"}, "delivered_when": "heard"},
            "delivered_when",
            "'heard' can't be proven",
        ),
        ({"delivered_when": "acknowledged", "ack_digits": ""}, "ack_digits", "name the keys"),
        ({"priority": 10}, "priority", "less than or equal to 9"),
        ({"weight": 0}, "weight", "greater than or equal to 1"),
        ({"max_concurrent": 0}, "max_concurrent", "greater than or equal to 1"),
        ({"trunks": []}, "trunks", "at least 1"),
        ({"trunks": ["hq/SPS-6-36", "hq/nowhere"]}, "trunks.1", "there is no trunk 'hq/nowhere'"),
        ({"windows": []}, "windows", "at least 1"),
        ({"windows": [{**WORKDAYS, "days": []}]}, "windows.0.days", "at least 1"),
        ({"windows": [{**WORKDAYS, "days": ["monday"]}]}, "windows.0.days.0", "'mon'"),
        ({"windows": [{**WORKDAYS, "from": "9:00"}]}, "windows.0.from", "HH:MM"),
        ({"windows": [{**WORKDAYS, "to": "24:01"}]}, "windows.0.to", "HH:MM"),
        ({"windows": [{**WORKDAYS, "to": "09:00"}]}, "windows.0.to", "the same"),
        ({"timezone": "Europe/Atlantis"}, "timezone", "not an IANA time zone"),
        ({"timezone": "../../etc/passwd"}, "timezone", "not an IANA time zone"),
        ({"region": "XX"}, "region", "ISO 3166"),
        ({"expires_at": "2026-11-21T09:59:59Z"}, "expires_at", "not in the future"),
        ({"expires_at": "2026-12-01T00:00:00"}, "expires_at", "timezone"),
        ({"expires_at": "9999-12-31T23:59:59-01:00"}, "expires_at", "after the year 9999"),
        ({"callback_url": "ftp://example.org"}, "callback_url", "http"),
        ({"callback_url": "https://ann:pw@example.org"}, "callback_url", "password"),
        ({"retry": {"bussy": 3}}, "retry.bussy", "bussy"),
        ({"colour": "red"}, "colour", "not permitted"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field(
    api: TestClient, asked: dict[str, Any], field: str, reason: str
) -> None:
    answer = api.post("/v1/campaigns", json={**CAMPAIGN, **asked})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    faults = {fault["field"]: fault["detail"] for fault in answer.json()["errors"]}
    assert reason in faults[field]
    assert api.get("/v1/campaigns").json()["items"] == []


def test_a_campaign_runs_pauses_goes_on_and_is_cancelled(api: TestClient, core: Core) -> None:
    wake_ups = core.signals.subscribe(Topic.PACER)
    campaign_id = started(api)
    assert wake_ups.wait(0) == {(Topic.PACER, "")}

    statuses = [
        api.post(f"/v1/campaigns/{campaign_id}/{step}").json()["status"]
        for step in ("start", "pause", "pause", "resume", "resume", "cancel", "cancel")
    ]

    # Asking again for what is so already changes nothing, and is no error.
    assert statuses == ["running", "paused", "paused", "running", "running", "cancelled", "cancelled"]
    told = ["created", "contacts_added", "started", "paused", "resumed", "cancelled"]
    assert event_names(core, campaign_id) == told
    assert wake_ups.wait(0) == {(Topic.PACER, "")}
    campaign = api.get(f"/v1/campaigns/{campaign_id}").json()
    assert campaign["counts"] == {**dict.fromkeys(CallState, 0), "cancelled": 3}
    assert campaign["started_at"] is not None
    assert campaign["finished_at"] is not None


@pytest.mark.parametrize(
    ("status", "step", "mend"),
    [
        ("draft", "pause", "start it first"),
        ("draft", "resume", "start it first"),
        ("paused", "start", "resume it"),
        ("finished", "start", "make a new one"),
        ("finished", "cancel", "make a new one"),
        ("cancelled", "resume", "make a new one"),
    ],
)
def test_steps_that_do_not_fit_are_conflicts(
    api: TestClient, core: Core, status: str, step: str, mend: str
) -> None:
    campaign_id = create(api)["id"]
    with core.store.write() as tx:
        tx.execute(update(_campaigns).values(status=status))

    answer = api.post(f"/v1/campaigns/{campaign_id}/{step}")

    assert answer.status_code == 409
    assert answer.json()["current_status"] == status
    assert mend in answer.json()["detail"]
    assert event_names(core, campaign_id) == ["created"]


def test_an_empty_campaign_cannot_be_started(api: TestClient) -> None:
    campaign_id = create(api)["id"]

    answer = api.post(f"/v1/campaigns/{campaign_id}/start")

    assert answer.status_code == 409
    assert f"POST /v1/campaigns/{campaign_id}/contacts" in answer.json()["detail"]


def test_a_campaign_whose_time_is_over_takes_nothing_and_does_not_start(
    api: TestClient, clock: SettableClock
) -> None:
    campaign_id = create(api, expires_at="2026-11-21T11:00:00Z")["id"]
    upload(api, campaign_id, THREE)
    clock.move(hours=1)

    late = api.post(
        f"/v1/campaigns/{campaign_id}/contacts", content=THREE, headers={"Content-Type": "text/csv"}
    )

    assert late.status_code == 409
    assert api.post(f"/v1/campaigns/{campaign_id}/start").status_code == 409


def test_unknown_campaigns_are_not_found(api: TestClient) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/calls"),
        ("GET", "/results.csv"),
        ("POST", "/start"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/cancel"),
    ):
        answer = api.request(method, f"/v1/campaigns/none{path}")
        assert (answer.status_code, path) == (404, path)
    no_campaign = "/v1/campaigns/none/contacts"
    assert api.post(no_campaign, content=THREE, headers={"Content-Type": "text/csv"}).status_code == 404


def test_campaigns_are_listed_newest_first_page_by_page(api: TestClient, core: Core) -> None:
    made = [create(api, name=f"number {number}")["id"] for number in range(5)]
    started_one = started(api)

    first = api.get("/v1/campaigns", params={"limit": 4}).json()
    second = api.get("/v1/campaigns", params={"limit": 4, "cursor": first["next_cursor"]}).json()

    assert [item["id"] for item in first["items"] + second["items"]] == [started_one, *reversed(made)]
    assert second["next_cursor"] is None
    assert first["items"][0]["counts"]["queued"] == 3
    running = api.get("/v1/campaigns", params={"status": "running"}).json()["items"]
    assert [item["id"] for item in running] == [started_one]


def test_a_start_that_is_sent_twice_is_done_once(api: TestClient, core: Core) -> None:
    campaign_id = create(api)["id"]
    upload(api, campaign_id, THREE)
    key = {"Idempotency-Key": "start-1"}

    first = api.post(f"/v1/campaigns/{campaign_id}/start", headers=key)
    second = api.post(f"/v1/campaigns/{campaign_id}/start", headers=key)

    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert event_names(core, campaign_id).count("started") == 1


def test_a_cancelled_campaign_of_many_calls_is_withdrawn_to_the_last(
    api: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawal, "BATCH", 10)
    campaign_id = create(api)["id"]
    upload(api, campaign_id, "number\n" + "".join(f"+316100000{n:02d}\n" for n in range(45)))

    api.post(f"/v1/campaigns/{campaign_id}/cancel")

    counts = api.get(f"/v1/campaigns/{campaign_id}").json()["counts"]
    assert counts["cancelled"] == 45
    told = select(func.count()).where(_events.c.campaign_id == campaign_id, _events.c.subject == "call")
    with core.store.read() as tx:
        assert tx.execute(told).scalar_one() == 45


def test_calls_that_slipped_through_a_cancellation_are_withdrawn_by_upkeep(
    api: TestClient, core: Core
) -> None:
    campaign_id = started(api)
    api.post(f"/v1/campaigns/{campaign_id}/cancel")
    with core.store.write() as tx:  # as a process leaves it that died half-way
        tx.execute(update(_calls).values(state=CallState.QUEUED))

    withdrawal.withdraw_leftovers(core)

    assert api.get(f"/v1/campaigns/{campaign_id}").json()["counts"]["cancelled"] == 3


def test_who_may_look_may_not_steer(sqlite_url: str) -> None:
    scopes = {"watcher": ["read"], "operator": ["operate"], "monitoring": ["intake"]}
    keys = [{"name": name, "token": name * 3, "scopes": given} for name, given in scopes.items()]
    core = make_core(sqlite_url, api={"key": keys})
    api = client_of(core)

    def asked(name: str, method: str, path: str = "") -> int:
        headers = {"Authorization": f"Bearer {name * 3}"}
        body = CAMPAIGN if method == "POST" else None
        return api.request(method, f"/v1/campaigns{path}", json=body, headers=headers).status_code

    assert [asked(name, "POST") for name in scopes] == [403, 201, 403]
    assert [asked(name, "GET") for name in scopes] == [200, 200, 403]
    assert [asked(name, "POST", "/none/contacts") for name in scopes] == [403, 415, 403]
    assert [asked(name, "GET", "/none/results.csv") for name in scopes] == [404, 404, 403]
    assert api.get("/v1/campaigns").status_code == 401
    assert api.get("/v1/events").status_code == 401
    core.store.close()
