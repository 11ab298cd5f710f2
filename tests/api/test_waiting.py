"""What a call waits for is what the pacer decides: the two are asked side by side."""

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from dispatcher.core import Core
from dispatcher.domain.vocabulary import Phase
from dispatcher.runtime.wiring import lines_of
from dispatcher.store.tables import Call, table
from tests.api.conftest import ALARM, client_of
from tests.cores import PBX, TRUNK, SettableClock, accept, claim, make_core, set_attempt
from tests.ledger.world import SETTLE

BOILER = ALARM | {"to": [{"number": "+31612345678"}]}
PUMP = BOILER | {"summary": "Pump 4 has stopped", "message": {"ivr": "6501"}}
BUSY = "the end of another call to the same phone, which rings for one at a time"
TURN = "its turn: a channel is free on hq/SPS-6-36"


def raised(api: TestClient, alarm: dict[str, Any] = BOILER) -> str:
    [call] = api.post("/v1/alarms", json=alarm).json()["calls"]
    return str(call["id"])


def said(api: TestClient, call_id: str) -> str | None:
    told: str | None = api.get(f"/v1/calls/{call_id}").json()["waiting_for"]
    return told


def test_the_second_alarm_of_a_person_waits_for_the_first_for_three_minutes(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    raised(api)
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    second = raised(api, PUMP)
    assert (said(api, second), claim(core)) == (BUSY, [])
    clock.move(minutes=2, seconds=59)
    assert (said(api, second), claim(core)) == (BUSY, [])
    clock.move(seconds=1)
    assert said(api, second) == TURN
    assert len(claim(core)) == 1


def test_a_calls_own_attempt_before_this_one_does_not_make_its_callee_busy(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    """An alarm goes on although its attempt in question keeps its channel."""
    call = raised(api)
    [attempt] = claim(core)
    set_attempt(core, attempt, phase=Phase.ENDED, outcome="unknown", closed_at=clock.now)
    calls = table(Call)
    with core.store.write() as tx:
        tx.execute(calls.update().where(calls.c.id == call).values(state="queued", outcome="unknown"))
    clock.move(seconds=SETTLE.total_seconds())
    assert said(api, call) == TURN
    assert len(claim(core)) == 1


OFFICE = {
    "name": "office",
    "family": "axeos",
    "url": "http://127.0.0.1:8089",
    "username": "apiKey",
    "password": "the office's key",
}
KEYLESS = PBX | {
    "name": "branch",
    "family": "yeastar-s",
    "url": "http://127.0.0.1:8087",
    "trunk": [TRUNK | {"name": "GSM"}],
}
REPEATING = PBX | {"name": "hq", "family": "yeastar-k2"}


@pytest.fixture
def unequal(store_url: str, clock: SettableClock) -> Any:
    made = make_core(store_url, clock, pbx=[KEYLESS, REPEATING])
    yield made
    made.store.close()


def test_a_trunk_is_named_only_if_its_pbx_can_place_the_message(unequal: Core) -> None:
    """The first trunk is free, and its family repeats no prompt."""
    assert [line.repeats for line in lines_of(unequal.settings) if not line.is_internal] == [False, True]
    api = client_of(unequal)
    prompt = BOILER | {"message": {"prompt": "evacuate", "count": 3}, "delivered_when": "heard"}
    once = raised(api)
    often = raised(api, {key: value for key, value in prompt.items() if key != "ack_digits"})
    assert said(api, once) == "its turn: a channel is free on branch/GSM"
    assert said(api, often) == TURN


def test_a_users_second_call_waits_for_the_phone(store_url: str, clock: SettableClock) -> None:
    core = make_core(store_url, clock, pbx=[OFFICE])
    try:
        api = client_of(core)
        anna = {"to": [{"user": "anna"}], "delivered_when": "answered", "ack_digits": ""}
        raised(api, BOILER | anna)
        claim(core, trunk="")
        second = raised(api, PUMP | anna)
        with core.store.read() as tx:
            callee = tx.execute(select(table(Call).c.callee).where(table(Call).c.id == second)).scalar()
        assert callee
        assert (said(api, second), claim(core, trunk="")) == (BUSY, [])
        # After three minutes another alarm may go first, but a user's own phone rings for one call at a time.
        clock.move(minutes=4)
        assert (said(api, second), claim(core, trunk="")) == (BUSY, [])
    finally:
        core.store.close()
