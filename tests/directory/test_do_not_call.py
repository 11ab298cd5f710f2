"""Numbers on the do-not-call list: campaigns leave them out, whenever the number came to be there."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from dispatcher.core import Core, write_counts
from dispatcher.directory import do_not_call
from dispatcher.metrics.counting import Count
from dispatcher.store.tables import Call, DoNotCall, Event, table
from tests.api.conftest import client_of
from tests.cores import RecordingMessages, SettableClock, accept, claim, learn, make_core

_calls, _events, _entries = table(Call), table(Event), table(DoNotCall)

ANNA, BOB, CARL = "+31611111111", "+31622222222", "+31633333333"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def core(store_url: str, clock: SettableClock) -> Iterator[Core]:
    made = make_core(store_url, clock)
    yield made
    made.store.close()


@pytest.fixture
def api(core: Core) -> TestClient:
    return client_of(core)


def campaign(api: TestClient, *numbers: str, start: bool = True) -> tuple[str, dict[str, Any]]:
    """A campaign with a contact for each number; its id, and the answer to the upload."""
    asked = {"name": "survey", "message": {"ivr": "6500"}, "retry": {"not_heard": 60}}
    made = api.post("/v1/campaigns", json=asked).json()
    body = "number\n" + "\n".join(numbers)
    path = f"/v1/campaigns/{made['id']}"
    answer = api.post(f"{path}/contacts", content=body, headers={"Content-Type": "text/csv"}).json()
    if start:
        assert api.post(f"{path}/start").status_code == 200
    return str(made["id"]), answer


def forbid(api: TestClient, number: str, **more: Any) -> None:
    answer = api.put(f"/v1/do-not-call/{number}", json=more)
    assert answer.status_code in (200, 201), answer.text


WRONG = [{"number": "12"}, {"number": ANNA, "expires_at": "2026-11-20T00:00:00Z"}, {}]


def states(core: Core) -> dict[str, tuple[str, str | None]]:
    with core.store.read() as tx:
        rows = tx.execute(select(_calls.c.number, _calls.c.state, _calls.c.outcome)).all()
    return {row.number: (row.state, row.outcome) for row in rows}


def causes(core: Core, name: str) -> list[str]:
    with core.store.read() as tx:
        query = select(_events.c.cause).where(_events.c.subject == "call", _events.c.name == name)
        return list(tx.execute(query.order_by(_events.c.id)).scalars())


def forbid_unseen(core: Core, number: str) -> None:
    """An entry whose transaction did not see a call: as if both were made at the same time."""
    row = {"number": number, "why": "", "source": "by hand", "alarms_too": False, "added_by": ""}
    with core.store.write() as tx:
        tx.execute(insert(_entries).values(row | {"added_at": core.clock()}))


# The list itself.


def test_a_number_is_entered_shown_changed_and_taken_off(api: TestClient, clock: SettableClock) -> None:
    made = api.post("/v1/do-not-call", json={"number": "+31 6 1111 1111", "why": "asked by letter"})
    assert made.status_code == 201
    assert made.json() == {
        "number": ANNA,
        "why": "asked by letter",
        "source": "by hand",
        "alarms_too": False,
        "added_by": "loopback",
        "added_at": "2026-11-21T10:00:00Z",
        "expires_at": None,
    }
    changed = api.put(f"/v1/do-not-call/{ANNA}", json={"alarms_too": True})
    assert (changed.status_code, changed.json()["alarms_too"], changed.json()["why"]) == (200, True, "")
    assert api.get("/v1/do-not-call/+31-6-11111111").json() == changed.json()
    assert api.post("/v1/do-not-call", json={"number": ANNA}).status_code == 200
    assert api.delete(f"/v1/do-not-call/{ANNA}").status_code == 204
    assert api.get(f"/v1/do-not-call/{ANNA}").status_code == 404
    assert api.delete(f"/v1/do-not-call/{ANNA}").status_code == 404


def test_entries_come_in_pages_without_those_that_are_over(api: TestClient, clock: SettableClock) -> None:
    forbid(api, ANNA, expires_at="2026-11-22T00:00:00Z")
    forbid(api, BOB, alarms_too=True)
    forbid(api, CARL)
    first = api.get("/v1/do-not-call", params={"limit": 2}).json()
    assert [one["number"] for one in first["items"]] == [ANNA, BOB]
    rest = api.get("/v1/do-not-call", params={"cursor": first["next_cursor"]}).json()
    assert [one["number"] for one in rest["items"]] == [CARL]
    clock.move(days=1)
    assert [one["number"] for one in api.get("/v1/do-not-call").json()["items"]] == [BOB, CARL]
    only = api.get("/v1/do-not-call", params={"alarms_too": True}).json()["items"]
    assert [one["number"] for one in only] == [BOB]


@pytest.mark.parametrize(
    "body", [{"number": "12"}, {"number": ANNA, "expires_at": "2026-11-20T00:00:00Z"}, {}]
)
def test_an_entry_that_can_not_be_is_refused(api: TestClient, body: Any) -> None:
    assert api.post("/v1/do-not-call", json=body).status_code == 422


def imported(api: TestClient, body: str, kind: str = "text/csv", **params: str) -> dict[str, Any]:
    headers = {"Content-Type": kind}
    answer = api.post("/v1/do-not-call/import", content=body.encode(), headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_file_is_taken_in_and_bad_rows_are_told(api: TestClient) -> None:
    body = (
        "number;why;Alarms_Too;expires_at\n"
        "06-11111111;letter;no;\n"
        "+31622222222;;yes;2027-01-01\n"
        "12;;;\n"
        "+31633333333;;perhaps;\n"
        "+31633333333;;;2020-01-01\n"
        "06 1111 1111;call;;\n"
    )
    answer = imported(api, body, region="nl")
    assert (answer["accepted"], answer["invalid"], answer["errors_truncated"]) == (2, 3, False)
    assert [(row["line"], row["field"]) for row in answer["errors"]] == [
        (4, "number"),
        (5, "alarms_too"),
        (6, "expires_at"),
    ]
    entries = {one["number"]: one for one in api.get("/v1/do-not-call").json()["items"]}
    assert {number: (one["why"], one["alarms_too"]) for number, one in entries.items()} == {
        ANNA: ("call", False),
        BOB: ("", True),
    }
    assert entries[BOB]["expires_at"] == "2027-01-01T00:00:00Z"
    assert {one["source"] for one in entries.values()} == {"by an import"}


def test_json_lines_are_taken_in_too(api: TestClient) -> None:
    body = '{"number": "+31611111111", "alarms_too": true}\n{"why": "no number"}\n'
    answer = imported(api, body, "application/x-ndjson")
    assert (answer["accepted"], answer["invalid"]) == (1, 1)
    assert api.get(f"/v1/do-not-call/{ANNA}").json()["alarms_too"] is True


# Campaigns.


def test_contacts_with_a_listed_number_are_left_out_and_counted(api: TestClient, core: Core) -> None:
    forbid(api, ANNA)
    forbid(api, CARL, expires_at="2026-11-21T10:00:01Z")
    core.clock.move(minutes=1)  # type: ignore[attr-defined]
    _, answer = campaign(api, ANNA, BOB, CARL, BOB)
    assert {name: answer[name] for name in ("accepted", "duplicate", "do_not_call", "invalid")} == {
        "accepted": 2,
        "duplicate": 1,
        "do_not_call": 1,
        "invalid": 0,
    }
    assert set(states(core)) == {BOB, CARL}


def test_an_entry_withdraws_queued_and_ringing_calls_of_campaigns_only(api: TestClient, core: Core) -> None:
    campaign(api, ANNA, BOB)
    ringing = claim(core)
    for callid, attempt in enumerate(ringing):
        accept(core, attempt, str(callid))
    campaign(api, ANNA)
    alarm = {"summary": "fire", "to": [{"number": ANNA}], "message": {"ivr": "6500"}}
    assert api.post("/v1/alarms", json=alarm).status_code == 202

    forbid(api, ANNA)

    with core.store.read() as tx:
        rows = tx.execute(select(_calls).where(_calls.c.number == ANNA).order_by(_calls.c.id)).all()
    assert [(row.campaign_id is None, row.state) for row in rows] == [
        (False, "cancelled"),
        (False, "cancelled"),
        (True, "queued"),
    ]
    assert causes(core, "cancelled") == [do_not_call.WITHDRAWN] * 2
    assert isinstance(core.messages, RecordingMessages)
    assert len(core.messages.hung_up) == 1
    assert states(core)[BOB] == ("active", None)


def test_an_answered_call_goes_on_but_is_not_tried_again(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    campaign(api, ANNA)
    [attempt] = claim(core)
    accept(core, attempt, "1.1")
    learn(core, attempt, ringing_at=clock(), answered_at=clock())
    forbid(api, ANNA)
    assert states(core)[ANNA] == ("active", None)

    learn(core, attempt, released_at=clock(), releases=frozenset({"1.1", "1.2"}))
    assert states(core)[ANNA] == ("queued", "not_heard")
    clock.move(hours=1)
    assert claim(core) == []
    do_not_call.sweep(core)
    assert states(core)[ANNA][0] == "cancelled"


def test_a_call_that_came_with_the_entry_is_never_dialled(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    campaign(api, ANNA, BOB)
    forbid_unseen(core, ANNA)
    assert len(claim(core)) == 1
    assert states(core) == {ANNA: ("queued", None), BOB: ("active", None)}
    do_not_call.sweep(core)
    assert states(core)[ANNA] == ("cancelled", "cancelled")


def test_the_sweep_leaves_others_and_ended_campaigns_alone(api: TestClient, core: Core) -> None:
    campaign(api, ANNA)
    campaign(api, BOB, start=False)
    forbid(api, CARL)
    do_not_call.sweep(core)
    assert {state for state, _ in states(core).values()} == {"queued"}


def test_an_entry_whose_time_is_over_lets_calls_through(
    api: TestClient, core: Core, clock: SettableClock
) -> None:
    forbid(api, ANNA, expires_at="2026-11-21T10:30:00Z")
    clock.move(minutes=30)
    _, answer = campaign(api, ANNA)
    assert answer["accepted"] == 1
    assert len(claim(core)) == 1


# By a key.


def opted_out(core: Core, number: str, **more: Any) -> None:
    with core.store.write() as tx:
        count = Count()
        aftermath = do_not_call.opt_out(tx, core.clock(), number, count, by="Anna", why="pressed 9", **more)
        write_counts(tx, count)
    core.after(aftermath)


def test_who_opts_out_by_a_key_is_not_called_again(api: TestClient, core: Core) -> None:
    campaign(api, ANNA)
    opted_out(core, ANNA)
    entry = api.get(f"/v1/do-not-call/{ANNA}").json()
    told = [entry[name] for name in ("source", "added_by", "why", "alarms_too")]
    assert told == ["by a key", "Anna", "pressed 9", False]
    assert states(core)[ANNA] == ("cancelled", "cancelled")


def test_opting_out_never_loosens_an_entry(api: TestClient) -> None:
    core: Core = api.app.state.core  # type: ignore[attr-defined]
    forbid(api, ANNA, alarms_too=True, why="by letter")
    opted_out(core, ANNA)
    assert api.get(f"/v1/do-not-call/{ANNA}").json()["why"] == "by letter"
    forbid(api, BOB, why="by letter")
    opted_out(core, BOB, alarms_too=True)
    assert api.get(f"/v1/do-not-call/{BOB}").json()["alarms_too"] is True
