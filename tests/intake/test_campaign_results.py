"""Taking results home: every call a row, its facts in it, and nothing that a spreadsheet would run."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from dispatcher.core import Core
from dispatcher.intake.campaigns import results
from dispatcher.intake.campaigns.results import results_csv, safe
from dispatcher.store import campaigns, contacts, events
from dispatcher.store.contacts import Contact
from dispatcher.store.events import Change
from dispatcher.store.ids import new_id
from dispatcher.store.tables import Attempt, Call, table
from tests.cores import START, make_core

_calls, _attempts = table(Call), table(Attempt)


@pytest.fixture
def core(store_url: str) -> Any:
    made = make_core(store_url)
    yield made
    made.store.close()


def a_campaign(core: Core, *people: Contact) -> Any:
    campaign_id = new_id()
    asked = {
        "id": campaign_id,
        "name": "Appointments",
        "message_kind": "ivr",
        "message_value": "6500",
        "delivered_when": "acknowledged",
        "ack_digits": "1",
    }
    with core.store.write() as tx:
        campaigns.create(tx, START, asked)
        contacts.add(tx, START, campaign_id, None, people)
        return campaigns.find(tx, campaign_id)


def an_attempt(core: Core, number: str, ordinal: int, **facts: Any) -> None:
    with core.store.write() as tx:
        call_id = tx.execute(select(_calls.c.id).where(_calls.c.number == number)).scalar_one()
        row = {
            "id": new_id(),
            "call_id": call_id,
            "ordinal": ordinal,
            "pbx": "hq",
            "trunk": "SPS-6-36",
            "target_kind": "number",
            "digits_dialled": number,
            "lane": "x",
            "supervised": True,
            "phase": "ended",
            "channel_held": False,
            "claimed_at": START,
            "cause_text": "",
            "recording": "",
            "leg": "",
            "taken_trunk": "",
            "seen": "",
        }
        tx.execute(insert(_attempts).values(row | facts))
        tx.execute(update(_calls).where(_calls.c.id == call_id).values(attempts_made=ordinal))
        if "keys" in facts:
            digits = facts["keys"][0][1]
            change = Change("call", call_id, "key", cause="heard, key", data={"digits": digits})
            events.record(tx, START + timedelta(seconds=33), [change])


def rows_of(core: Core, campaign: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(results_csv(core, campaign)))))


def test_each_call_is_a_row_with_what_became_of_it(core: Core) -> None:
    anna = Contact("+31612345671", "Anna", "42", None, {"city": "Delft"})
    bob = Contact("+31612345672", None, None, None, {"visits": 3})
    campaign = a_campaign(core, anna, bob)
    an_attempt(core, anna.number, 1, outcome="busy", cause="busy", cause_text="486 Busy Here")
    an_attempt(
        core,
        anna.number,
        2,
        outcome="delivered",
        answered_at=START + timedelta(seconds=20),
        prompt_ended_at=START + timedelta(seconds=30),
        keys=[[0, "1"]],
        talk_seconds=17,
        recording="20261121.wav",
    )
    with core.store.write() as tx:
        of_anna = _calls.c.number == anna.number
        ended = {"state": "delivered", "outcome": "delivered", "updated_at": START + timedelta(seconds=40)}
        tx.execute(update(_calls).where(of_anna).values(**ended))

    first, second = rows_of(core, campaign)

    call_id = first.pop("call_id")
    assert len(call_id) == 36
    assert first == {
        "number": "+31612345671",
        "name": "Anna",
        "external_id": "42",
        "city": "Delft",
        "visits": "",
        "state": "delivered",
        "outcome": "delivered",
        "attempts": "2",
        "delivered_at": "2026-11-21T10:00:40.000Z",
        "answered_at": "2026-11-21T10:00:20.000Z",
        "heard_at": "2026-11-21T10:00:30.000Z",
        "acknowledged_at": "2026-11-21T10:00:33.000Z",
        "digits": "1",
        "cause": "",
        "talk_seconds": "17",
        "recording": "20261121.wav",
    }
    assert (second["state"], second["outcome"], second["attempts"], second["visits"]) == (
        "queued",
        "",
        "0",
        "3",
    )


def test_nothing_that_people_wrote_is_a_formula(core: Core) -> None:
    evil = '=HYPERLINK("http://example.org","x")'
    campaign = a_campaign(
        core, Contact("+31612345671", evil, "@SUM(1)", None, {"=cmd|' /C calc'!A0": "-2+3"})
    )
    an_attempt(core, "+31612345671", 1, outcome="unknown", cause="failed", cause_text="=1+1")

    (row,) = rows_of(core, campaign)

    assert row["number"] == "+31612345671"
    assert (row["name"], row["external_id"], row["cause"]) == (f"'{evil}", "'@SUM(1)", "'=1+1")
    assert row["'=cmd|' /C calc'!A0"] == "'-2+3"


def test_plain_numbers_stay_numbers() -> None:
    assert [safe(text) for text in ("-5", "+31612345671", "-1,5", "", "5-3")] == [
        "-5",
        "+31612345671",
        "-1,5",
        "",
        "5-3",
    ]
    assert [safe(text) for text in ("-5+1", "+", "\t=1", "--1")] == ["'-5+1", "'+", "'\t=1", "'--1"]


def test_a_column_with_the_name_of_ours_is_told_apart(core: Core) -> None:
    campaign = a_campaign(core, Contact("+31612345671", "Anna", None, None, {"state": "Utah"}))

    (row,) = rows_of(core, campaign)

    assert (row["fields.state"], row["state"]) == ("Utah", "queued")


def test_pages_join_without_a_seam_and_other_campaigns_stay_out(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BATCH", 3)
    people = [Contact(f"+3161234567{digit}", None, None, None, None) for digit in range(10)]
    campaign, other = a_campaign(core, *people), a_campaign(core, people[0])

    assert [row["number"] for row in rows_of(core, campaign)] == [person.number for person in people]
    assert len(rows_of(core, other)) == 1
    assert rows_of(core, a_campaign(core)) == []
