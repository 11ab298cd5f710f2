"""Who may ask for what."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from tests.api.conftest import ALARM, client_of
from tests.cores import make_core

KEYS = [
    {"name": scope, "token": f"secret of {scope}", "scopes": [scope]}
    for scope in ("intake", "operate", "read", "admin")
]

ENDPOINTS = {
    "intake": [("POST", "/v1/alarms"), ("POST", "/v1/intake/alertmanager")],
    "operate": [
        ("POST", "/v1/alarms/x/acknowledge"),
        ("POST", "/v1/alarms/x/resolve"),
        ("POST", "/v1/alarms/x/cancel"),
        ("POST", "/v1/calls/x/cancel"),
        ("POST", "/v1/calls/x/transfer"),
        ("PATCH", "/v1/trunks/hq/SPS-6-36"),
    ],
    "read": [("GET", "/v1/alarms"), ("GET", "/v1/alarms/x"), ("GET", "/v1/calls/x"), ("GET", "/v1/trunks")],
}
INCLUDED = {"intake": {"intake"}, "operate": {"operate", "read"}, "read": {"read"}, "admin": set(ENDPOINTS)}


@pytest.fixture
def guarded(sqlite_url: str) -> Iterator[TestClient]:
    core = make_core(sqlite_url, api={"key": KEYS})
    yield client_of(core, host="192.168.5.20")
    core.store.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("scope", list(INCLUDED))
def test_a_key_may_do_what_its_scope_includes_and_nothing_else(guarded: TestClient, scope: str) -> None:
    for needed, endpoints in ENDPOINTS.items():
        for method, path in endpoints:
            answer = guarded.request(method, path, headers=bearer(f"secret of {scope}"))
            if needed in INCLUDED[scope]:
                assert answer.status_code in (200, 404, 422), (scope, method, path)
            else:
                assert answer.status_code == 403, (scope, method, path)
                assert f"'{needed}'" in answer.json()["detail"]
                assert "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("secret of nobody"), bearer(""), {"Authorization": "Basic aGk6aGk="}, bearer("sécret")],
)
def test_without_a_known_key_nothing_is_answered(guarded: TestClient, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    for method, path in [pair for pairs in ENDPOINTS.values() for pair in pairs]:
        answer = guarded.request(method, path, headers=encoded, json=ALARM if method == "POST" else None)

        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "secret" not in answer.text


def test_health_and_metrics_need_no_key(guarded: TestClient) -> None:
    assert [guarded.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3


def test_who_acted_is_the_keys_name(guarded: TestClient) -> None:
    alarm = guarded.post("/v1/alarms", json=ALARM, headers=bearer("secret of intake")).json()

    path = f"/v1/alarms/{alarm['id']}/acknowledge"
    view = guarded.post(path, headers=bearer("secret of operate")).json()

    assert view["acknowledged_by"] == "operate"
    assert view["timeline"][-1]["cause"].startswith("the alarm was acknowledged: by hand, by operate")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1"])
def test_without_keys_this_machine_may_ask(core: Core, host: str) -> None:
    assert client_of(core, host).get("/v1/alarms").status_code == 200


@pytest.mark.parametrize("host", ["192.168.5.20", "testclient", "::ffff:10.0.0.1"])
def test_without_keys_no_other_machine_may(core: Core, host: str) -> None:
    answer = client_of(core, host).get("/v1/alarms")

    assert answer.status_code == 403
    assert "[[api.key]]" in answer.json()["detail"]


def test_without_keys_a_page_of_another_name_may_not(core: Core) -> None:
    """A browser on this machine may be led here under a name that the attacker's server gave it."""
    answer = client_of(core).get("/v1/alarms", headers={"Host": "evil.example"})

    assert answer.status_code == 403
    assert client_of(core).get("/v1/alarms", headers={"Host": "localhost:8080"}).status_code == 200
