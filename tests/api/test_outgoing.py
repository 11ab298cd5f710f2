"""/v1/webhooks: making them, secrets that are shown once, and what was given up."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.store import webhooks
from dispatcher.upkeep import housekeeping
from tests.api.conftest import client_of
from tests.cores import SettableClock, make_core
from tests.store import rows

HOOK = {"name": "desk", "url": "https://desk.example.org/hook", "kinds": ["alarm.*"]}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def delivery(core: Core, **columns: Any) -> None:
    with core.store.write() as tx:
        rows.add(tx, "deliveries", **({"webhook": "desk", "receiver": "desk"} | columns))


def test_a_secret_is_shown_when_it_is_made_and_never_again(api: TestClient) -> None:
    made = api.post("/v1/webhooks", json=HOOK)
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    given = api.post("/v1/webhooks", json={**HOOK, "name": "other", "secret": SECRET}).json()
    assert given["secret"] == SECRET
    rotated = api.post("/v1/webhooks/other/rotate").json()["secret"]
    assert rotated not in (secret, SECRET)

    for path in ("/v1/webhooks", "/v1/webhooks/desk", "/v1/webhooks/other", "/metrics"):
        text = api.get(path).text
        assert not [word for word in (secret, SECRET, rotated) if word in text], path
    changed = api.patch("/v1/webhooks/desk", json={"kinds": []})
    assert changed.json() == api.get("/v1/webhooks/desk").json()
    assert "secret" not in changed.text


@pytest.mark.parametrize(
    ("wrong", "field", "word"),
    [
        ({"url": "ftp://desk.example.org"}, "url", "http"),
        ({"url": "https:///hook"}, "url", "host"),
        ({"url": "https://ann:pw@desk.example.org"}, "url", "password"),
        ({"kinds": ["alarm.rang"]}, "kinds.0", "no such kind"),
        ({"name": "a b"}, "name", "pattern"),
        ({"name": "deliveries"}, "name", "another name"),
        ({"secret": "secret"}, "secret", "whsec_"),
        ({"secret": "whsec_c2hvcnQ="}, "secret", "5 bytes"),
        ({"secret": "whsec_not base64!"}, "secret", "base64"),
        ({"colour": "red"}, "colour", "not permitted"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field(
    api: TestClient, wrong: dict[str, Any], field: str, word: str
) -> None:
    answer = api.post("/v1/webhooks", json=HOOK | wrong)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert word in error["detail"]
    assert "not base64!" not in answer.text


def test_a_private_address_is_refused_where_none_are_allowed(sqlite_url: str, clock: SettableClock) -> None:
    core = make_core(sqlite_url, clock, webhooks={"private_addresses": False})
    api = client_of(core)
    for host in ("127.0.0.1", "10.0.0.8", "169.254.169.254", "[::1]", "[::ffff:10.0.0.8]", "[fd00::1]"):
        answer = api.post("/v1/webhooks", json={**HOOK, "url": f"http://{host}/hook"})
        assert answer.status_code == 422, host
    assert api.post("/v1/webhooks", json={**HOOK, "url": "http://8.8.8.8/hook"}).status_code == 201
    assert api.patch("/v1/webhooks/desk", json={"url": "http://10.0.0.8/"}).status_code == 422
    core.store.close()


def test_names_are_taken_once_and_deleted_with_what_was_sent(api: TestClient, core: Core) -> None:
    api.post("/v1/webhooks", json=HOOK)
    assert api.post("/v1/webhooks", json=HOOK).status_code == 409
    delivery(core)
    assert api.delete("/v1/webhooks/desk").status_code == 204
    assert api.get("/v1/webhooks/desk").status_code == 404
    assert api.delete("/v1/webhooks/desk").status_code == 404
    assert api.get("/v1/webhooks/deliveries").json()["items"] == []


def test_what_was_given_up_is_listed_and_replayed(api: TestClient, core: Core) -> None:
    api.post("/v1/webhooks", json=HOOK)
    for state in ("waiting", "sent", "dead", "dead"):
        ended = {} if state == "waiting" else {"next_at": None, "ended_at": core.clock()}
        delivery(core, state=state, tries=3, problem="HTTP 500" if state == "dead" else "", **ended)

    dead = api.get("/v1/webhooks/deliveries", params={"state": "dead"}).json()["items"]
    assert [(one["state"], one["problem"]) for one in dead] == [("dead", "HTTP 500")] * 2
    first = api.get(f"/v1/webhooks/deliveries/{dead[1]['id']}").json()
    assert first["body"] == {}

    again = api.post(f"/v1/webhooks/deliveries/{first['id']}/replay").json()
    assert (again["state"], again["tries"], again["message_id"]) == ("waiting", 0, first["message_id"])
    assert again["url"] == HOOK["url"]
    assert api.post(f"/v1/webhooks/deliveries/{first['id']}/replay").status_code == 409
    assert api.post("/v1/webhooks/deliveries/replay").json() == {"replayed": 1}
    assert api.post("/v1/webhooks/deliveries/replay", params={"webhook": "nobody"}).status_code == 404
    assert api.get("/v1/webhooks/deliveries", params={"state": "dead"}).json()["items"] == []


def test_an_inactive_webhook_is_not_replayed_or_tested(api: TestClient, core: Core) -> None:
    api.post("/v1/webhooks", json=HOOK)
    delivery(core)
    assert api.patch("/v1/webhooks/desk", json={"active": False}).json()["active"] is False
    [given_up] = api.get("/v1/webhooks/deliveries").json()["items"]
    assert (given_up["state"], given_up["problem"]) == ("dead", "the webhook was made inactive")
    assert api.post(f"/v1/webhooks/deliveries/{given_up['id']}/replay").status_code == 409
    assert api.post("/v1/webhooks/deliveries/replay").json() == {"replayed": 0}
    assert api.post("/v1/webhooks/desk/test").status_code == 409
    api.patch("/v1/webhooks/desk", json={"active": True})
    assert api.post("/v1/webhooks/deliveries/replay").json() == {"replayed": 1}


def test_lists_come_in_pages(api: TestClient, core: Core) -> None:
    for name in ("a", "b", "c"):
        api.post("/v1/webhooks", json={**HOOK, "name": name})
        delivery(core, webhook=name, receiver=name)
    for path, key in (("/v1/webhooks", "name"), ("/v1/webhooks/deliveries", "webhook")):
        found: list[str] = []
        cursor = None
        while True:
            page = api.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
            found += [item[key] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert sorted(found) == ["a", "b", "c"]


def test_a_test_message_waits_to_be_sent(api: TestClient, core: Core) -> None:
    api.post("/v1/webhooks", json=HOOK)
    sent = api.post("/v1/webhooks/desk/test")
    assert sent.status_code == 202
    document = sent.json()
    assert (document["kind"], document["state"], document["webhook"]) == ("webhook.test", "waiting", "desk")
    assert document["body"]["type"] == "webhook.test"


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/v1/webhooks", {"admin"}),
        ("PATCH", "/v1/webhooks/desk", {"admin"}),
        ("DELETE", "/v1/webhooks/desk", {"admin"}),
        ("POST", "/v1/webhooks/desk/rotate", {"admin"}),
        ("POST", "/v1/webhooks/desk/test", {"admin", "operate"}),
        ("POST", "/v1/webhooks/deliveries/replay", {"admin", "operate"}),
        ("POST", "/v1/webhooks/deliveries/1/replay", {"admin", "operate"}),
        ("GET", "/v1/webhooks", {"admin", "operate", "read"}),
        ("GET", "/v1/webhooks/deliveries", {"admin", "operate", "read"}),
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


def test_messages_past_their_keeping_are_deleted(core: Core, clock: SettableClock, api: TestClient) -> None:
    api.post("/v1/webhooks", json=HOOK)
    delivery(core, state="sent", next_at=None, ended_at=clock())
    delivery(core, state="waiting")
    clock.move(days=13)
    housekeeping.prune(core)
    assert len(api.get("/v1/webhooks/deliveries").json()["items"]) == 2
    clock.move(days=2)
    housekeeping.prune(core)
    [left] = api.get("/v1/webhooks/deliveries").json()["items"]
    assert left["state"] == "waiting"
    with core.store.read() as tx:
        assert webhooks.find(tx, "desk") is not None
