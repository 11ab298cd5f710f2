"""``dispatcher contact``, ``group``, ``schedule`` and ``do-not-call`` against the running product."""

import json
from pathlib import Path

import pytest

from dispatcher.cli.processes import Embedded
from tests.cli.site import document, run

ROTA = """\
timezone = "Europe/Amsterdam"

[[layers]]
members = ["anna", "bob"]
every = { weeks = 1 }
weekday = "mon"
hand_over = "08:00"
starts = 2020-01-06
"""

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
DTSTART:20200101T000000Z
DTEND:20200102T000000Z
RRULE:FREQ=DAILY
SUMMARY:Carl
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def people(product: Embedded) -> None:
    run(
        "contact",
        "set",
        "anna",
        "--way",
        "+31611111111",
        "--way",
        "extension:1001@hq",
        "--full-name",
        "Anna J.",
    )
    run("contact", "set", "bob", "--way", "user:bob", "--per-hour", "4", "--detail", "email=b@example.org")
    run("contact", "set", "carl", "--way", "+31633333333")


@pytest.fixture
def night(people: None, tmp_path: Path) -> None:
    file = tmp_path / "night.toml"
    file.write_text(ROTA)
    result = run("schedule", "set", "night", str(file))
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("people")
def test_contacts_are_kept() -> None:
    listed = run("contact", "list").stdout
    assert "Anna J." in listed
    assert "+31611111111, extension:1001@hq" in listed
    assert "4 per hour" in listed
    assert json.loads(run("contact", "show", "bob").stdout)["details"] == {"email": "b@example.org"}
    assert [one["name"] for one in document(run("contact", "list", "--search", "AN", "--json"))] == ["anna"]
    assert run("contact", "delete", "carl").stdout == "carl is deleted\n"
    assert run("contact", "show", "carl").exit_code == 1


@pytest.mark.usefixtures("people")
def test_groups_are_kept() -> None:
    assert run("group", "set", "ops", "bob", "anna").stdout == "ops: bob, anna\n"
    assert "bob, anna" in run("group", "list").stdout
    refused = run("contact", "delete", "anna")
    assert refused.exit_code == 1
    assert "in use by the group 'ops'" in refused.output
    assert run("group", "delete", "ops").exit_code == 0
    assert document(run("group", "list", "--json")) == []


@pytest.mark.usefixtures("night")
def test_who_is_on_call_and_who_takes_over() -> None:
    told = run("schedule", "on-call", "night", "--at", "2026-11-21T12:00:00+01:00")
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [
        "Anna J. (+31611111111, extension:1001@hq) until Mon 2026-11-23 08:00",
        "then bob",
    ]

    made = document(run("schedule", "override", "night", "carl", "--hours", "2", "--why", "ill", "--json"))
    assert "carl (+31633333333) until" in run("schedule", "on-call", "night").stdout
    assert run("schedule", "take-back", "night", made["id"]).exit_code == 0
    assert "carl" not in run("schedule", "on-call", "night").stdout

    nobody = ("schedule", "override", "night", "--nobody", "--hours", "2", "--instead-of", "anna")
    made = document(run(*nobody, "--json"))
    assert (made["contact"], made["instead_of"]) == (None, "anna")
    assert run("schedule", "override", "night", "--hours", "2").exit_code == 2, "neither a name nor --nobody"
    told = run("trail", "schedule", "night", "--limit", "1")
    assert "nobody instead of anna" in told.stdout
    assert "created by" not in told.stdout


@pytest.mark.usefixtures("night")
def test_gaps_end_with_a_status_that_scripts_see(tmp_path: Path) -> None:
    fine = run("schedule", "gaps", "night", "--days", "3")
    assert (fine.exit_code, fine.stdout) == (0, "somebody is on call all the time for the next 3 days\n")
    assert "anna" in run("schedule", "shifts", "night", "--days", "14").stdout

    file = tmp_path / "empty.json"
    file.write_text(json.dumps({"timezone": "Europe/Amsterdam", "layers": []}))
    assert "mind: nobody is on call from now" in run("schedule", "set", "night", str(file)).stdout
    assert run("schedule", "gaps", "night").exit_code == 1
    nobody = run("schedule", "on-call", "night")
    assert (nobody.exit_code, nobody.stdout) == (1, "nobody\n")


@pytest.mark.usefixtures("night")
def test_a_calendar_comes_from_a_file_and_goes_again(tmp_path: Path) -> None:
    file = tmp_path / "rota.ics"
    file.write_text(CALENDAR)
    assert run("schedule", "calendar", "night", str(file)).stdout == "night: carl on call now\n"
    assert "carl" in run("schedule", "list").stdout
    assert "carl" not in run("schedule", "calendar", "night", "none").stdout
    assert run("schedule", "calendar", "night", str(tmp_path / "none.ics")).exit_code == 2
    assert run("schedule", "delete", "night").exit_code == 0
    assert run("schedule", "show", "night").exit_code == 1


@pytest.mark.usefixtures("product")
def test_numbers_that_are_not_to_be_called(tmp_path: Path) -> None:
    assert run("do-not-call", "add", "+31 6 11111111", "--why", "letter").exit_code == 0
    file = tmp_path / "numbers.csv"
    file.write_text("number,alarms_too\n0622222222,yes\n12,no\n")
    told = run("do-not-call", "import", str(file), "--region", "NL").stdout
    assert told.startswith("1 accepted, 1 invalid\n")
    assert "too short" in told
    assert [one["number"] for one in document(run("do-not-call", "list", "--json"))] == [
        "+31611111111",
        "+31622222222",
    ]
    assert "by campaigns and alarms" in run("do-not-call", "list", "--alarms-too").stdout
    assert run("do-not-call", "remove", "+31611111111").exit_code == 0
    assert run("do-not-call", "remove", "+31611111111").exit_code == 1


@pytest.mark.parametrize("way", ["fax:12", "extension:", "contact:anna"])
def test_a_way_that_is_none_is_a_mistake_of_usage(way: str) -> None:
    result = run("contact", "set", "anna", "--way", way)
    assert result.exit_code == 2
    assert "write a number" in result.output
