"""The proof of an alarm: who was called when, how, what they did, and what of it can no longer be shown."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete, insert

from dispatcher.escalation.escalator import Escalator
from dispatcher.intake import alarms, by_hand
from dispatcher.intake.alarm_request import AlarmRequest
from dispatcher.proof import canonical, proof_of
from dispatcher.proof.paper import page_of
from dispatcher.store.tables import Contact, Event, RawReport, table
from dispatcher.upkeep import housekeeping
from dispatcher.work import carry_out
from tests.api.conftest import client_of
from tests.scripted import (
    Office,
    answered,
    bye,
    failed,
    inside,
    key,
    open_office,
    outside,
    posted,
    record,
    ringing,
)

ANN, BOB = "31611111111", "31622222222"
NIGHT = {
    "name": "night",
    "steps": [{"to": [{"contact": "ann"}], "wait": 60}, {"to": [{"number": f"+{BOB}"}]}],
    "message": {"ivr": "6500"},
    "timezone": "Europe/Amsterdam",
    "retry": {"max_attempts": 1},
}


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    with open_office(store_url, policy=[NIGHT]) as made:
        now = made.clock()
        with made.core.store.write() as tx:
            tx.execute(
                insert(table(Contact)).values(
                    name="ann",
                    full_name="Ann Jansen",
                    ways=[{"number": f"+{ANN}"}],
                    created_at=now,
                    updated_at=now,
                )
            )
        yield made


_ELSEWHERE: dict[str, Any] = {
    "summary": "s",
    "dedup_key": "elsewhere",
    "policy": None,
    "to": [{"number": f"+{ANN}"}],
    "message": {"ivr": "6500"},
}
"""An alarm without a policy, so that its times are UTC."""


def raised(office: Office, **body: Any) -> str:
    request = AlarmRequest(
        **({"summary": "Boiler 3", "severity": "critical", "policy": "night", "dedup_key": "b3"} | body)
    )
    return carry_out(office.core, lambda work: alarms.take(work, request, "alertmanager")).alarm_id


def proof(office: Office, alarm_id: str) -> Any:
    with office.core.store.read() as tx:
        return proof_of(office.core, tx, alarm_id)


def told(document: Any) -> list[tuple[str, str]]:
    return [(line["what"], line["at"][11:19]) for line in document["content"]["timeline"]]


def night(office: Office) -> str:
    """Ann is busy, Bob acknowledges and is put through to the desk; the alarm is resolved after that."""
    alarm = raised(office)
    office.clock.move(seconds=5)
    raised(office)
    [first] = office.dialled()
    callid = office.attempt(first).callid
    office.clock.move(seconds=2)
    office.take(ringing(callid, ANN))
    office.clock.move(seconds=3)
    office.take(failed(callid, ANN))
    Escalator(office.core).look()
    office.clock.move(seconds=1)
    [second] = office.dialled()
    callid = office.attempt(second).callid
    for body in (
        ringing(callid, BOB),
        answered(callid, BOB),
        key(callid, "1", BOB),
        posted("Tranfer", callid, outside(BOB), inside("1005")),
        bye(callid, BOB),
        record(callid, BOB, talk=42),
    ):
        office.clock.move(seconds=1)
        office.take(body)
    office.clock.move(seconds=30)
    carry_out(office.core, lambda work: by_hand.resolve(work, alarm, "ops"))
    return alarm


def test_a_night_is_told_in_order(office: Office) -> None:
    alarm = night(office)
    document = proof(office, alarm)

    assert told(document) == [
        ("raised", "10:00:00"),
        ("queued", "10:00:00"),
        ("repeated", "10:00:05"),
        ("dialled", "10:00:05"),
        ("accepted", "10:00:05"),
        ("rang", "10:00:07"),
        ("unanswered", "10:00:10"),
        ("ended", "10:00:10"),
        ("failed", "10:00:10"),
        ("escalated", "10:00:10"),
        ("queued", "10:00:10"),
        ("dialled", "10:00:11"),
        ("accepted", "10:00:11"),
        ("rang", "10:00:12"),
        ("answered", "10:00:13"),
        ("key", "10:00:14"),
        ("acknowledged", "10:00:14"),
        ("delivered", "10:00:14"),
        ("transferred", "10:00:15"),
        ("ended", "10:00:16"),
        ("record", "10:00:17"),
        ("resolved", "10:00:47"),
    ]
    lines = {line["what"]: line for line in document["content"]["timeline"]}
    assert lines["raised"]["local"] == "2026-11-21T11:00:00.000+01:00"
    assert lines["acknowledged"]["text"] == f"The alarm was acknowledged: key 1 by +{BOB}"
    assert lines["transferred"]["text"] == f"The call with +{BOB} was put through to 1005"
    assert lines["resolved"]["text"].endswith("by ops")


def test_every_call_shows_who_through_what_and_the_pbxs_record(office: Office) -> None:
    ann, bob = proof(office, night(office))["content"]["calls"]

    assert ann["who"] == f"Ann Jansen (contact ann, +{ANN})"
    [attempt] = ann["attempts"]
    assert (attempt["outcome"], attempt["cause"], attempt["answered_at"]) == ("busy", "busy", None)
    [attempt] = bob["attempts"]
    assert attempt["line"] == "PBX hq, trunk SPS-6-36"
    assert attempt["record"] == {"at": "2026-11-21T10:00:17.000Z", "status": "answered", "talk_seconds": 42}
    assert (attempt["keys"], attempt["answered_at"]) == ("1", "2026-11-21T10:00:13.000Z")
    assert [report["event"] for report in attempt["reports"]][:3] == ["ALERT", "ANSWERED", "DTMF"]
    [first, *_] = office.rows(RawReport, table(RawReport).c.id == attempt["reports"][0]["id"])
    assert attempt["reports"][0]["sha256"] == hashlib.sha256(first.body.encode()).hexdigest()


def test_the_digest_is_of_the_content_whenever_it_is_made(office: Office) -> None:
    alarm = night(office)
    one = proof(office, alarm)
    office.clock.move(seconds=3600)
    other = proof(office, alarm)

    assert one["made_at"] != other["made_at"]
    assert one["sha256"] == other["sha256"] == hashlib.sha256(canonical(one["content"])).hexdigest()
    again = json.loads(json.dumps(one))["content"]
    again["alarm"]["acknowledged_by"] = "somebody else"
    assert hashlib.sha256(canonical(again)).hexdigest() != one["sha256"]


def test_a_call_that_told_of_two_alarms_is_in_the_proof_of_both(office: Office) -> None:
    one = raised(office)
    office.clock.move(seconds=1)
    other = raised(office, dedup_key="b4", summary="Boiler 4")
    office.clock.move(seconds=1)
    [attempt] = office.dialled()
    office.take(answered(office.attempt(attempt).callid, ANN), key(office.attempt(attempt).callid, "1", ANN))

    mine, theirs = (proof(office, alarm)["content"] for alarm in (one, other))

    assert mine["calls"][0]["id"] == theirs["calls"][0]["id"]
    assert mine["calls"][0]["also_told_of"] == [{"id": other, "summary": "Boiler 4"}]
    assert theirs["calls"][0]["also_told_of"] == [{"id": one, "summary": "Boiler 3"}]
    assert [line["what"] for line in theirs["timeline"]][:2] == ["raised", "joined"]
    assert "acknowledged" in [line["what"] for line in theirs["timeline"]]


def test_what_has_been_pruned_is_said_and_the_rest_still_shown(office: Office) -> None:
    alarm = night(office)
    assert proof(office, alarm)["content"]["completeness"]["events"]["complete"]
    office.clock.move(days=91)
    housekeeping.prune(office.core)
    assert office.rows(Event) == [] == office.rows(RawReport)

    document = proof(office, alarm)

    kept = document["content"]["completeness"]
    assert (kept["events"]["complete"], kept["events"]["kept_days"]) == (False, 90)
    assert (kept["reports"]["complete"], kept["reports"]["kept_days"]) == (False, 30)
    whats = [what for what, _ in told(document)]
    assert [whats.count(what) for what in ("raised", "queued", "rang", "acknowledged", "resolved")] == [
        1, 2, 2, 1, 1,
    ]  # fmt: skip
    assert page_of(document).count("This record is not complete") == 2


def test_the_page_escapes_everything_and_needs_nothing_else(office: Office) -> None:
    alarm = raised(office, summary="<script>alert(1)</script>", dedup_key="<img src=x onerror=1>")
    answer = client_of(office.core).get(f"/v1/alarms/{alarm}/proof?format=html")

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.text
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']|url\(|@import", page)


def test_over_http(office: Office) -> None:
    alarm = night(office)
    client = client_of(office.core)
    answer = client.get(f"/v1/alarms/{alarm}/proof")

    assert answer.status_code == 200
    assert answer.json()["format"] == "dispatcher-proof/1"
    assert answer.json()["sha256"] == proof(office, alarm)["sha256"]
    assert client.get("/v1/alarms/nobody/proof").status_code == 404
    assert client.get(f"/v1/alarms/{alarm}/proof?format=doc").status_code == 422


def test_somebody_whose_turn_never_came_is_named(office: Office) -> None:
    alarm = raised(office, **_ELSEWHERE)
    with office.core.store.write() as tx:
        tx.execute(delete(table(Event)).where(table(Event).c.name == "queued"))

    content = proof(office, alarm)["content"]

    assert content["timezone"] == "UTC"
    assert [line["evidence"] for line in content["timeline"]] == ["event", "page"]


def test_local_times_have_a_column_only_where_they_differ(office: Office) -> None:
    there = page_of(proof(office, raised(office)))
    here = page_of(proof(office, raised(office, **_ELSEWHERE)))

    assert "<th>UTC</th><th>Europe/Amsterdam</th>" in there
    assert "<th>UTC</th><th>What</th>" in here
    assert "UTC, once" in here
