"""Bad requests and bad times: every error is a problem document, and nothing is half-done."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, OperationalError
from starlette.testclient import TestClient

from dispatcher.api import app as application
from dispatcher.core import Core
from dispatcher.store.tables import Alarm, table
from tests.api.conftest import ALARM, client_of
from tests.cores import PBX, make_core

JSON = {"Content-Type": "application/json"}


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"]
    return document


def alarms_of(core: Core) -> list[str]:
    with core.store.read() as tx:
        return list(tx.execute(select(table(Alarm).c.summary)).scalars())


def test_an_unknown_path_is_a_problem(api: TestClient) -> None:
    assert "/docs" in problem(api.get("/v1/nothing"), 404)["detail"]


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(api: TestClient) -> None:
    answer = api.delete("/v1/trunks")

    problem(answer, 405)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/csv", None])
def test_a_body_that_is_not_json_is_refused_by_its_kind(
    api: TestClient, core: Core, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = api.post("/v1/alarms", content=json.dumps(ALARM).encode(), headers=headers)

    assert "Content-Type: application/json" in problem(answer, 415)["detail"]
    assert alarms_of(core) == []


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json; charset=latin1"}, JSON | {"Content-Encoding": "gzip"}]
)
def test_other_encodings_are_refused(api: TestClient, headers: dict[str, str]) -> None:
    problem(api.post("/v1/alarms", content=json.dumps(ALARM).encode(), headers=headers), 415)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "application/vnd.x+json"]
)
def test_json_has_several_names(api: TestClient, kind: str) -> None:
    answer = api.post("/v1/alarms", content=json.dumps(ALARM).encode(), headers={"Content-Type": kind})

    assert answer.status_code == 202


def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(api: TestClient, core: Core) -> None:
    large = json.dumps(ALARM | {"details": {"text": "x" * core.settings.api.max_body_bytes}}).encode()

    def in_pieces() -> Iterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for body in (large, in_pieces()):
        assert "max_body_bytes" in problem(api.post("/v1/alarms", content=body, headers=JSON), 413)["detail"]
    assert alarms_of(core) == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[1,]",
        b'{"summary": NaN}',
        b'{"summary": 1e999}',
        b'{"summary": ' + b"9" * 5000 + b"}",
        b'{"summary": "\xff"}',
        json.dumps(ALARM).encode("utf-16"),
        b"[" * 100_000,
        b'{"details": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
    ],
    ids=["open", "empty", "comma", "nan", "infinite", "digits", "not utf-8", "utf-16", "endless", "deep"],
)
def test_a_body_that_cannot_be_read_is_refused(api: TestClient, core: Core, body: bytes) -> None:
    answer = api.post("/v1/alarms", content=body, headers=JSON)

    problem(answer, 422 if body == b"" else 400)
    assert alarms_of(core) == []


@pytest.mark.parametrize("body", [b"1", b"null", b"[]", b'"x"'])
def test_json_that_is_no_object_is_refused(api: TestClient, body: bytes) -> None:
    problem(api.post("/v1/alarms", content=body, headers=JSON), 422)


def test_characters_that_no_database_holds_are_replaced(api: TestClient) -> None:
    alarm = ALARM | {"summary": "a\x00b", "dedup_key": "k\ud800", "details": {"x\x00": ["\udfff", "\\u0000"]}}

    answer = api.post("/v1/alarms", content=json.dumps(alarm).encode(), headers=JSON)

    assert answer.status_code == 202, answer.text
    view = answer.json()
    assert (view["summary"], view["dedup_key"]) == ("a\ufffdb", "k\ufffd")
    assert view["details"] == {"x\ufffd": ["\ufffd", "\\u0000"]}


@pytest.mark.parametrize("path", ["/v1/alarms/%00", "/v1/alarms?dedup_key=%00", "/v1/alarms?source=a%00"])
def test_an_address_with_a_nul_is_refused(api: TestClient, path: str) -> None:
    problem(api.get(path), 400)


@pytest.mark.parametrize(
    "path", ["/v1/alarms/%F0%9F%98%80", "/v1/calls/' OR 1=1", "/v1/alarms/" + "x" * 5000]
)
def test_strange_names_are_only_unknown(api: TestClient, path: str) -> None:
    problem(api.get(path), 404)


def test_refused_values_are_not_repeated(api: TestClient) -> None:
    answer = api.post("/v1/alarms", json=ALARM | {"severity": "hunter2", "tokken": "hunter3"})

    assert "hunter" not in problem(answer, 422)["detail"]
    assert "hunter" not in answer.text


class Failing:
    """A store whose transactions end with an error, as when the database goes away."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def transact(self, _work: Any) -> Any:
        raise self.error

    def read(self) -> Any:
        raise self.error


def broken(core: Core, error: Exception) -> TestClient:
    failing: Any = Failing(error)
    fields = {name: getattr(core, name) for name in Core.__dataclass_fields__}
    return client_of(Core(**(fields | {"store": failing})))


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/alarms"), ("GET", "/v1/alarms"), ("GET", "/readyz")]
)
def test_while_the_database_is_away_the_answer_is_503(core: Core, method: str, path: str) -> None:
    away = OperationalError("SELECT 1", {"token": "hunter2"}, Exception("server closed the connection"))

    answer = broken(core, away).request(method, path, json=ALARM if method == "POST" else None)

    assert "hunter2" not in problem(answer, 503)["detail"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "error", [RuntimeError("hunter2"), DataError("INSERT", {"token": "hunter2"}, Exception("too long"))]
)
def test_our_own_mistakes_tell_nothing_of_the_inside(
    core: Core, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken(core, error).post("/v1/alarms", json=ALARM)

    problem(answer, 500)
    assert "hunter2" not in answer.text
    assert caplog.records, "but the log has it"


def test_a_locked_database_is_an_outage_too(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = make_core(sqlite_url)
    monkeypatch.setattr("dispatcher.store.engine.SQLITE_BUSY_SECONDS", 0.1)
    impatient = make_core(sqlite_url)
    with core.store.write():
        problem(client_of(impatient).post("/v1/alarms", json=ALARM), 503)

    assert client_of(impatient).post("/v1/alarms", json=ALARM).status_code == 202


def test_no_secret_is_in_any_answer(core: Core) -> None:
    api = client_of(core)
    paths = ["/openapi.json", "/metrics", "/v1/trunks", "/v1/alarms", "/readyz", "/docs"]

    assert not [path for path in paths if PBX["password"] in api.get(path).text]


def test_every_error_is_described_with_its_document(core: Core) -> None:
    described = client_of(core).get("/openapi.json").json()
    bare = [
        (method, path, status)
        for path, item in described["paths"].items()
        for method, operation in item.items()
        for status, response in operation["responses"].items()
        if status == "default" or int(status) >= 400
        if list(response.get("content", {})) != ["application/problem+json"]
    ]
    assert not bare
    deletion = described["paths"]["/v1/policies/{name}"]["delete"]["responses"]
    assert {"401", "403", "404", "409", "422", "503", "default"} <= set(deletion)
    assert deletion["409"]["content"]["application/problem+json"]["example"]["status"] == 409


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"keys": {"44": "escalate"}}, ["keys.44"]),
        ({"severity": {"info": "never"}}, ["severity.info", "severity.info"]),
        (
            {"severity": {"info": {"windows": [{"days": ["day"], "from": "08:00"}]}}},
            [
                "severity.info",
                "severity.info.windows.0.days.0",
                "severity.info.windows.0.to",
            ],
        ),
    ],
)
def test_a_field_is_named_as_it_was_sent(api: TestClient, wrong: dict[str, Any], fields: list[str]) -> None:
    policy = {"name": "weekend", "to": [{"number": "+31612345678"}], "message": {"ivr": "6500"}}
    document = problem(api.post("/v1/policies", json=policy | wrong), 422)
    assert [fault["field"] for fault in document["errors"]] == fields
    pointers = ["#/" + field.replace(".", "/") for field in fields]
    assert [fault["pointer"] for fault in document["errors"]] == pointers


_ANN = [{"number": "+31612345678"}]
_PLAYED = {"ivr": "6500"}
_POLICY = {"name": "weekend", "to": _ANN, "message": _PLAYED}
_SILENCE = {"matchers": [{"label": "site", "value": "north"}], "duration": 60}
_LAYER = {"members": ["anna"], "starts": "2026-11-23"}
_TWO_KEYS = {"messages": [{"severity": ["info"], "message": _PLAYED, "keys": {"1": "resolve"}}]}
_PUMP = {"label": "site", "op": "=~", "value": "("}


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("policies", _POLICY | {"steps": [{"to": _ANN}]}, ["steps"]),
        ("policies", {"name": "weekend", "message": _PLAYED}, ["to"]),
        ("policies", _POLICY | {"keys": {"1": "resolve"}}, ["keys.1"]),
        ("policies", _POLICY | _TWO_KEYS, ["messages.0.keys.1"]),
        ("policies", _POLICY | {"retry": {"engaged": 30}}, ["retry.engaged"]),
        ("policies", _POLICY | {"message": {"ivr": "6500", "count": 2}}, ["message.count"]),
        ("silences", _SILENCE | {"ends_at": "2026-11-22T00:00:00Z"}, ["duration"]),
        ("silences", {"matchers": _SILENCE["matchers"]}, ["ends_at"]),
        ("silences", _SILENCE | {"matchers": [_PUMP]}, ["matchers.0.value"]),
        (
            "schedules",
            {"name": "n", "timezone": "UTC", "layers": [_LAYER | {"ends": "2026-11-01"}]},
            ["layers.0.ends"],
        ),
        (
            "schedules",
            {"name": "n", "timezone": "UTC", "layers": [{"starts": "2026-11-23"}]},
            ["layers.0.members"],
        ),
        ("alarms", {"summary": "x", "to": [_ANN[0] | {"pbx": "hq"}], "message": _PLAYED}, ["to.0.pbx"]),
    ],
)
def test_of_members_that_do_not_fit_together_one_is_named(
    api: TestClient, path: str, body: dict[str, Any], fields: list[str]
) -> None:
    document = problem(api.post(f"/v1/{path}", json=body), 422)
    assert [fault["field"] for fault in document["errors"]] == fields
    assert document["errors"][0]["pointer"] == "#/" + fields[0].replace(".", "/")


def test_a_policy_that_the_address_names_is_not_looked_for_in_the_body(api: TestClient) -> None:
    answer = api.post("/v1/intake/icinga?policy=nobody", json={})
    [fault] = problem(answer, 422)["errors"]
    assert (fault["field"], fault["in"], "pointer" in fault) == ("policy", "query", False)


def test_every_path_is_described(core: Core) -> None:
    described = client_of(core).get("/openapi.json").json()
    operations = [
        (method, path, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
    ]

    assert len(operations) > len(application.ROUTERS)
    assert not [(method, path) for method, path, operation in operations if not operation.get("description")]
    assert "ProblemDocument" in described["components"]["schemas"]
    assert "HTTPValidationError" not in json.dumps(described)
