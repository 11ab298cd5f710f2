"""The doctor tells of gaps before they hurt."""

from collections.abc import Iterator

import pytest

from dispatcher.cli.doctor.schedules import check_schedules
from dispatcher.store.engine import Store
from tests.directory.office import NOW, WEEKLY, Office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    store = Store(store_url)
    yield Office(store)
    store.close()


def found(office: Office) -> list[tuple[str, str, str]]:
    findings = list(check_schedules(office.store, NOW))
    assert all(finding.mend for finding in findings if finding.result != "ok")
    return [(finding.result, finding.check, finding.detail) for finding in findings]


def test_nothing_is_said_where_there_is_nothing(office: Office) -> None:
    assert found(office) == []


def test_a_schedule_is_well_or_has_gaps_or_a_calendar_that_does_not_come(office: Office) -> None:
    office.schedule("day", WEEKLY | {"ends": "2026-11-26"})
    office.schedule("feed", WEEKLY, calendar_problem="calendar.example.org answered 503")
    office.schedule("night", WEEKLY)
    assert found(office) == [
        (
            "warn",
            "schedule day",
            "nobody is on call from 2026-11-26 08:00 (Europe/Amsterdam) for the rest of the next 7 days",
        ),
        (
            "warn",
            "schedule feed",
            "the calendar could not be fetched: calendar.example.org answered 503",
        ),
        ("ok", "schedule night", "somebody is on call all the time for 7 days"),
    ]
