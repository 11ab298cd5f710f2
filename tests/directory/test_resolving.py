"""Recipients of every kind become people, each once, with their ways in order."""

from datetime import timedelta

import pytest

from dispatcher.directory.resolving import Limits, known
from dispatcher.errors import Fault
from dispatcher.requests import Recipient
from tests.directory.office import NOW, WEEKLY, Office

ANNA, BOB, CARL = {"number": "+31611111111"}, {"number": "+31622222222"}, {"number": "+31633333333"}


@pytest.fixture
def staffed(office: Office) -> Office:
    office.contact("anna", ANNA, {"extension": "1001", "pbx": "hq"}, full_name="Anna Jansen", most_per_hour=4)
    office.contact("bob", BOB)
    office.contact("carl", CARL)
    office.group("ops", "bob", "anna")
    office.schedule("night", WEEKLY)
    return office


def test_a_contact_is_called_by_all_its_ways_in_order(staffed: Office) -> None:
    [person] = staffed.resolve({"contact": "anna"}).people
    assert [(way.kind, way.value, way.pbx) for way in person.ways] == [
        ("number", "+31611111111", None),
        ("extension", "1001", "hq"),
    ]
    assert (person.name, person.contact) == ("Anna Jansen", "anna")
    assert person.limits == Limits(None, 4)


def test_numbers_extensions_and_users_stand_for_themselves(staffed: Office) -> None:
    to = ({"number": "06 99999999"}, {"extension": "1009", "pbx": "hq"}, {"user": "a.smit", "name": "Al"})
    assert staffed.called(*to) == ["+31699999999", "1009", "a.smit"]
    assert [person.name for person in staffed.resolve(*to).people] == [None, None, "Al"]


def test_groups_stand_for_their_contacts_and_schedules_for_who_is_on_call(staffed: Office) -> None:
    assert staffed.called({"group": "ops"}) == ["+31622222222", "+31611111111/1001"]
    assert staffed.called({"schedule": "night"}) == ["+31611111111/1001"]
    assert staffed.called({"schedule": "night"}, now=NOW + timedelta(days=2)) == ["+31622222222"]


def test_an_override_takes_over_while_it_lasts(staffed: Office) -> None:
    staffed.override("night", "carl", hours=2)
    assert staffed.called({"schedule": "night"}) == ["+31633333333"]
    assert staffed.called({"schedule": "night"}, now=NOW + timedelta(hours=2)) == ["+31611111111/1001"]


def test_each_person_is_called_once_however_often_they_are_meant(staffed: Office) -> None:
    to = (
        {"number": "06-11111111"},
        {"schedule": "night"},
        {"group": "ops"},
        {"contact": "anna"},
        {"number": "+31 6 99999999"},
        {"number": "0699999999"},
    )
    found = staffed.resolve(*to)
    assert [person.contact or person.ways[0].value for person in found.people] == [
        "anna",
        "bob",
        "+31699999999",
    ]
    assert [one.kind for one in found.people[0].via] == ["schedule", "group", "contact"]
    assert found.left_out == []


def test_who_can_not_be_found_is_told_with_the_reason(staffed: Office) -> None:
    staffed.group("empty")
    staffed.schedule("later", {"members": ["bob"], "starts": "2026-11-30"})
    staffed.schedule("never", {"members": ["bob"], "starts": "2026-01-05", "ends": "2026-02-02"})
    to = ("contact", "dora"), ("group", "dev"), ("group", "empty"), ("schedule", "x"), ("number", "12")
    found = staffed.resolve(
        *({kind: name} for kind, name in to), {"schedule": "later"}, {"schedule": "never"}
    )
    assert found.people == []
    assert {recipient.value: why for recipient, why, *_ in found.left_out} == {
        "dora": "there is no contact named 'dora'",
        "dev": "there is no group named 'dev'",
        "empty": "the group 'empty' has no members",
        "x": "there is no schedule named 'x'",
        "12": "this is not a telephone number that can be dialled: its length is wrong",
        "later": "nobody is on call in the schedule 'later' before 2026-11-30 08:00 (Europe/Amsterdam), "
        "when bob comes on call",
        "never": "nobody is on call in the schedule 'never', now or later",
    }
    assert {one.recipient.value for one in found.left_out if one.is_for_now} == {"empty", "later", "never"}


def test_a_number_forbidden_for_campaigns_is_still_called_for_alarms(staffed: Office) -> None:
    staffed.forbid("+31611111111")
    assert staffed.called({"contact": "anna"}) == ["+31611111111/1001"]


def test_a_number_forbidden_for_alarms_too_leaves_the_other_ways(staffed: Office) -> None:
    staffed.forbid("+31611111111", alarms_too=True, why="asked by letter")
    staffed.forbid("+31622222222", alarms_too=True)
    staffed.forbid("+31633333333", alarms_too=True, expires_at=NOW)
    found = staffed.resolve({"group": "ops"}, {"contact": "carl"})
    assert [person.contact for person in found.people] == ["anna", "carl"]
    assert [way.value for way in found.people[0].ways] == ["1001"]
    assert [one.why for one in found.left_out] == [
        "+31622222222 is not called: it is on the do-not-call list, for alarms too",
        "+31611111111 is not called: it is on the do-not-call list, for alarms too: asked by letter",
    ]


def test_unknown_names_are_told_with_those_that_exist(staffed: Office) -> None:
    to = [Recipient(contact="dora"), Recipient(group="ops"), Recipient(schedule="day"), Recipient(number="1")]
    with staffed.store.read() as tx:
        assert known(tx, to, ("steps", 0, "to")) == [
            Fault(
                ("steps", 0, "to", 0, "contact"),
                "there is no contact named 'dora'; there are: anna, bob, carl",
            ),
            Fault(("steps", 0, "to", 2, "schedule"), "there is no schedule named 'day'; there are: night"),
        ]


CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261121T090000Z\r\n"
    "DTEND:20261121T120000Z\r\nSUMMARY:{who}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.mark.parametrize(
    ("summary", "called"),
    [
        ("CARL", ["+31633333333"]),
        ("Anna Jansen", ["+31611111111/1001"]),
        ("bob\\, carl", ["+31622222222", "+31633333333"]),
        ("Dora", ["+31611111111/1001"]),
    ],
)
def test_a_calendar_goes_over_the_rotation_while_it_names_a_contact(
    staffed: Office, summary: str, called: list[str]
) -> None:
    staffed.schedule("rota", WEEKLY, calendar=CALENDAR.format(who=summary))
    assert staffed.called({"schedule": "rota"}) == called
    assert staffed.called({"schedule": "rota"}, now=NOW + timedelta(hours=2)) == ["+31611111111/1001"]


def test_a_name_that_two_contacts_have_means_neither(staffed: Office) -> None:
    for name in ("kim1", "kim2"):
        staffed.contact(name, CARL, full_name="Kim")
    staffed.schedule("rota", calendar=CALENDAR.format(who="Kim"))
    assert staffed.called({"schedule": "rota"}) == []


def test_a_schedule_that_can_not_be_read_any_more_silences_nobody_else(staffed: Office) -> None:
    staffed.schedule("broken", {"kind": "of an older version"})
    staffed.schedule("nowhere", WEEKLY, timezone="Mars/Olympus")
    assert staffed.called({"schedule": "broken"}, {"schedule": "nowhere"}, {"contact": "bob"}) == [
        "+31622222222"
    ]
    staffed.override("broken", "carl", hours=1)
    assert staffed.called({"schedule": "broken"}) == ["+31633333333"]


def test_a_calendar_that_can_not_be_read_leaves_the_rotation(
    staffed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a year that no clock shows")

    staffed.schedule("rota", WEEKLY, calendar=CALENDAR.format(who="carl"))
    monkeypatch.setattr("recurring_ical_events.query.CalendarQuery.between", fail)
    assert staffed.called({"schedule": "rota"}) == ["+31611111111/1001"]
