"""The doctor tells of gaps before they hurt, and of policies that name nobody."""

from collections.abc import Iterator

import pytest

from dispatcher.cli.doctor.schedules import check_schedules
from dispatcher.config import Settings
from dispatcher.store.engine import Store
from tests.cores import POLICY, settings_for
from tests.directory.office import NOW, WEEKLY, Office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    store = Store(store_url)
    yield Office(store)
    store.close()


def found(office: Office, settings: Settings) -> list[tuple[str, str, str]]:
    findings = list(check_schedules(settings, office.store, NOW))
    assert all(finding.mend for finding in findings if finding.result != "ok")
    return [(finding.result, finding.check, finding.detail) for finding in findings]


@pytest.fixture
def settings(store_url: str) -> Settings:
    return settings_for(store_url)


def test_nothing_is_said_where_there_is_nothing(office: Office, settings: Settings) -> None:
    assert found(office, settings) == []


def test_a_schedule_is_well_or_has_gaps_or_a_calendar_that_does_not_come(
    office: Office, settings: Settings
) -> None:
    office.schedule("day", WEEKLY | {"ends": "2026-11-26"})
    office.schedule("feed", WEEKLY, calendar_problem="calendar.example.org answered 503")
    office.schedule("night", WEEKLY)
    assert found(office, settings) == [
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


def test_policies_that_name_nobody_are_told(office: Office, store_url: str) -> None:
    office.contact("anna", {"number": "+31611111111"})
    to = [{"contact": "anna"}, {"contact": "dora"}, {"schedule": "night"}]
    settings = settings_for(store_url, policy=[POLICY | {"to": to}])
    assert found(office, settings) == [
        (
            "fail",
            "people of policy night-shift",
            "there is no contact named 'dora'; there are: anna; "
            "there is no schedule named 'night'; there are: none",
        )
    ]
