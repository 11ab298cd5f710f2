"""The demo's cast: every kind of callee, numbers that can be dialled, and expectations that can fail."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from dispatcher.cli.demo.cast import KINDS, LEAST, MOST, Expected, callees, contacts, misbehaving
from dispatcher.cli.demo.story import alertmanager_body
from dispatcher.intake.alertmanager import Alert, Notification, notice_of
from dispatcher.intake.campaigns.numbers import e164, parse_number
from dispatcher.simulator import BEHAVIOUR_BY_SUFFIX, Behaviour


@pytest.mark.parametrize("count", [LEAST, 31, 57, 200, MOST])
def test_everybody_is_there_once_and_every_kind_among_them(count: int) -> None:
    people = callees(count)
    assert len({person.number for person in people}) == len(people) == count
    assert {person.kind for person in people} == set(KINDS)
    assert all(e164(parse_number(person.number, None)) == person.number for person in people)
    assert all(person.number.endswith(person.kind.code) for person in people)


def test_the_shares_are_those_of_two_hundred() -> None:
    found = Counter(person.kind.code for person in callees(200))
    assert found == {kind.code: kind.share for kind in KINDS}


def test_every_code_is_one_that_the_simulated_pbx_knows() -> None:
    assert {kind.code for kind in KINDS} <= set(BEHAVIOUR_BY_SUFFIX)


def test_refusals_of_the_trunk_lie_apart() -> None:
    """Five in a row would say that the trunk is down, and stop all dialling on it."""
    refusing = [person.kind.code in ("0503", "2503") for person in callees(200)]
    assert not any(sum(refusing[place : place + 10]) > 2 for place in range(200))


def test_contacts_are_a_csv_with_a_row_for_each() -> None:
    lines = contacts(callees(30)).decode().splitlines()
    assert lines[0] == "number,name,external_id,kind"
    assert len(lines) == 31


def _call(state: str, outcome: str | None, attempts: int) -> dict[str, Any]:
    return {"state": state, "outcome": outcome, "attempts": [{}] * attempts, "waiting_for": None}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (_call("delivered", "delivered", 2), None),
        (_call("delivered", "delivered", 1), "got delivered after 1 attempt"),
        (_call("failed", "busy", 2), "got failed (busy) after 2 attempts"),
        (_call("active", None, 2), "got active after 2 attempts"),
    ],
)
def test_an_expectation_names_what_came_out_otherwise(call: dict[str, Any], says: str | None) -> None:
    told = Expected("delivered", "delivered", 2, 2).deviation(call)
    assert told == (f"expected delivered after 2 attempts, {says}" if says else None)


def test_a_kind_can_be_made_to_misbehave() -> None:
    people = callees(30)
    numbers = misbehaving(people, {"1486": Behaviour.BUSY})
    assert numbers
    assert all(number.endswith("1486") for number in numbers)
    assert not any(number.startswith("+") for number in numbers)


def test_the_webhook_is_one_that_intake_reads() -> None:
    now = datetime.now(UTC)
    body = alertmanager_body(now)
    assert (body["version"], body["status"], len(body["alerts"])) == ("4", "firing", 2)
    notification = Notification.model_validate(body)
    notices = [notice_of(Alert.model_validate(alert), notification) for alert in body["alerts"]]
    assert [notice.summary for notice in notices] == ["Boiler 3 over-pressure", "Boiler 4 over-pressure"]
    assert all(notice.firing and notice.severity == "critical" for notice in notices)
    assert len({notice.dedup_key for notice in notices}) == 2
