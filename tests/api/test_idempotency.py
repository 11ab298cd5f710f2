"""Idempotency keys, and that nothing is answered before it is durable."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from dispatcher.api import alarms
from dispatcher.core import Core
from dispatcher.signals import Topic
from dispatcher.store.tables import Alarm, Call, Event, IdempotencyKey, Tally, table
from tests.api.conftest import ALARM, client_of
from tests.cores import make_core

KEY = {"Idempotency-Key": "one"}


def count(core: Core, *models: type) -> list[int]:
    with core.store.read() as tx:
        return [tx.execute(select(func.count()).select_from(table(model))).scalar_one() for model in models]


def test_the_same_request_is_done_once_and_answered_alike(api: TestClient, core: Core) -> None:
    first = api.post("/v1/alarms", json=ALARM, headers=KEY)
    again = api.post("/v1/alarms", json=ALARM, headers=KEY)

    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (202, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    assert count(core, Alarm, Call) == [1, 2]


def test_another_request_with_the_key_is_refused(api: TestClient, core: Core) -> None:
    alarm = api.post("/v1/alarms", json=ALARM, headers=KEY).json()

    for path, body in (
        ("/v1/alarms", ALARM | {"summary": "another"}),
        (f"/v1/alarms/{alarm['id']}/resolve", None),
    ):
        answer = api.post(path, json=body, headers=KEY)
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.json()["detail"]
    assert count(core, Alarm) == [1]


def test_a_refused_request_leaves_its_key_free(api: TestClient) -> None:
    assert api.post("/v1/alarms", json=ALARM | {"policy": "none"}, headers=KEY).status_code == 422

    assert api.post("/v1/alarms", json=ALARM, headers=KEY).status_code == 202


def test_every_action_by_hand_takes_a_key(api: TestClient) -> None:
    alarm = api.post("/v1/alarms", json=ALARM).json()
    for path in (f"/v1/calls/{alarm['calls'][0]['id']}/cancel", f"/v1/alarms/{alarm['id']}/cancel"):
        first, again = (api.post(path, headers={"Idempotency-Key": path}) for _ in range(2))

        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()


@pytest.mark.parametrize("key", ["", "   ", "x" * 256])
def test_a_key_that_is_none_is_refused(api: TestClient, key: str) -> None:
    assert api.post("/v1/alarms", json=ALARM, headers={"Idempotency-Key": key}).status_code in (400, 422)


def test_keys_of_different_clients_do_not_meet(sqlite_url: str) -> None:
    keys = [{"name": name, "token": f"token of {name}", "scopes": ["intake"]} for name in ("a", "b")]
    core = make_core(sqlite_url, api={"key": keys})
    for name in ("a", "b"):
        headers = KEY | {"Authorization": f"Bearer token of {name}"}
        assert (
            "Idempotency-Replayed"
            not in client_of(core).post("/v1/alarms", json=ALARM, headers=headers).headers
        )
    assert count(core, Alarm) == [2]
    core.store.close()


def test_duplicates_at_once_are_done_once(store_url: str) -> None:
    """Two processes, eight clients, one key: all get the one answer."""
    cores = [make_core(store_url) for _ in range(2)]
    clients = [client_of(core) for core in cores]
    for client in clients:
        client.get("/healthz")
    start = threading.Barrier(8)

    def send(number: int) -> tuple[int, str]:
        start.wait()
        answer = clients[number % 2].post("/v1/alarms", json=ALARM, headers=KEY)
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))

    assert len(answers) == 1
    assert next(iter(answers))[0] == 202
    assert count(cores[0], Alarm, IdempotencyKey) == [1, 1]
    for core in cores:
        core.store.close()


@pytest.mark.parametrize("headers", [{}, KEY])
def test_when_the_commit_fails_the_answer_is_an_error_and_there_is_no_row(
    api: TestClient, core: Core, headers: dict[str, str]
) -> None:
    wake_ups = core.signals.subscribe(Topic.PACER, Topic.EVENTS)

    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    event.listen(core.store.engine, "commit", fail)
    answer = api.post("/v1/alarms", json=ALARM, headers=headers)
    event.remove(core.store.engine, "commit", fail)

    assert answer.status_code == 503
    assert count(core, Alarm, Call, Event, Tally, IdempotencyKey) == [0] * 5
    assert not wake_ups.wait(0)
    assert api.post("/v1/alarms", json=ALARM, headers=headers).status_code == 202, "sent again, it is done"
    assert count(core, Alarm, Call) == [1, 2]


@pytest.mark.parametrize("verb", ["acknowledge", "resolve", "cancel"])
def test_when_the_commit_of_an_action_fails_nothing_has_changed(
    api: TestClient, core: Core, verb: str
) -> None:
    alarm = api.post("/v1/alarms", json=ALARM).json()

    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    event.listen(core.store.engine, "commit", fail)
    answer = api.post(f"/v1/alarms/{alarm['id']}/{verb}")
    event.remove(core.store.engine, "commit", fail)

    assert answer.status_code == 503
    assert api.get(f"/v1/alarms/{alarm['id']}").json() == alarm


def test_what_is_done_and_cannot_be_read_for_its_answer_is_not_asked_for_again(
    api: TestClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm is durable: whoever was told to send it again would raise a second one."""

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(alarms, "shown", fail)
    answer = api.post("/v1/alarms", json=ALARM)
    monkeypatch.undo()

    assert answer.status_code == 202
    assert api.get(f"/v1/alarms/{answer.json()['id']}").json()["summary"] == ALARM["summary"]
    assert count(core, Alarm) == [1]
