"""A call is put through to somebody else by hand."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.store import transfers
from tests.api.conftest import ALARM, client_of
from tests.cores import PBX, RecordingMessages, accept, claim, learn, make_core

ONE = ALARM | {"to": [{"number": "+31612345678"}]}


def raised(api: TestClient) -> str:
    identity: str = api.post("/v1/alarms", json=ONE).json()["calls"][0]["id"]
    return identity


@pytest.fixture
def call_id(api: TestClient) -> str:
    return raised(api)


def answer(core: Core) -> str:
    """Somebody picks up."""
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    learn(core, attempt, answered_at=core.clock())
    return attempt


def ask(api: TestClient, call_id: str, to: str = "1002", **headers: str) -> Any:
    return api.post(f"/v1/calls/{call_id}/transfer", json={"to": to}, headers=headers)


@pytest.mark.parametrize(
    ("to", "kind", "shown"), [("1002", "extension", "1002"), ("+31 6 8765 4321", "number", "+31687654321")]
)
def test_a_call_that_was_answered(
    api: TestClient, core: Core, messages: RecordingMessages, call_id: str, to: str, kind: str, shown: str
) -> None:
    attempt = answer(core)
    got = ask(api, call_id, to)

    assert got.status_code == 202
    event = got.json()["timeline"][-1]
    assert (event["name"], event["cause"]) == ("transfer_asked", f"to {shown}, by loopback")
    assert (event["attempt_id"], event["data"]) == (attempt, {"kind": kind, "to": shown})
    assert messages.transferred == [attempt]
    assert got.json()["attempts"][0]["outcome"] is None, "what becomes of the call is not decided by it"


def test_one_that_is_not_up(api: TestClient, core: Core, messages: RecordingMessages, call_id: str) -> None:
    queued = ask(api, call_id)
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    ringing = ask(api, call_id)
    learn(core, attempt, answered_at=core.clock())
    learn(core, attempt, released_at=core.clock(), releases=frozenset({"the whole call"}))
    over = ask(api, call_id)

    found = [
        (one.status_code, one.json()["current_status"], one.json()["detail"]) for one in (queued, ringing)
    ]
    assert found == [
        (409, "queued", "the call is not up"),
        (409, "active", "nobody has answered the call yet"),
    ]
    assert (over.status_code, over.json()["detail"]) == (409, "the call is not up")
    assert messages.transferred == []


def test_one_that_is_being_ended(api: TestClient, core: Core, call_id: str) -> None:
    learn(core, answer(core), hung_up_at=core.clock())
    assert ask(api, call_id).status_code == 409


@pytest.mark.parametrize("to", ["", "0031abc", "PJSIP/1@x", "+31", "+", "10 02", "1" * 21, "1002&1003"])
def test_a_destination_that_is_none(
    api: TestClient, core: Core, messages: RecordingMessages, call_id: str, to: str
) -> None:
    answer(core)
    got = ask(api, call_id, to)

    assert got.status_code == 422
    assert got.json()["errors"][0]["field"] == "to"
    assert messages.transferred == []


def test_an_unknown_call(api: TestClient) -> None:
    assert ask(api, "nine").status_code == 404


def test_twice_with_one_key_is_once(
    api: TestClient, core: Core, messages: RecordingMessages, call_id: str
) -> None:
    attempt = answer(core)
    first, second = (ask(api, call_id, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json() == second.json()
    assert messages.transferred == [attempt]


@pytest.fixture
def axeos(store_url: str) -> Iterator[Core]:
    """Another family."""
    made = make_core(store_url, pbx=[PBX | {"family": "axeos"}])
    yield made
    made.store.close()


def test_a_family_that_can_not(api: TestClient, core: Core, call_id: str, axeos: Core) -> None:
    answer(core)
    got = ask(client_of(axeos), call_id)

    assert got.status_code == 422
    assert "hq (axeos) can't put such a call through" in got.json()["detail"] + str(got.json()["errors"])


def test_the_story_has_a_word_for_every_step() -> None:
    assert len(set(transfers.STEPS)) == 4
