"""The doctor tells of policies that would call nobody, and of people whom no call reaches."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert

from dispatcher.cli.doctor.people import check_people
from dispatcher.store.engine import Store
from dispatcher.store.tables import Policy, table
from tests.cores import POLICY, settings_for
from tests.directory.office import MADE, NOW, WEEKLY, Office


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    store = Store(store_url)
    yield Office(store)
    store.close()


def found(office: Office, **policy: Any) -> list[tuple[str, str, str]]:
    settings = settings_for(str(office.store.url), policy=[POLICY | policy] if policy else [])
    findings = list(check_people(settings, office.store, NOW))
    assert all(finding.mend for finding in findings if finding.result != "ok")
    return [(finding.result, finding.check, finding.detail) for finding in findings]


ANNA = {"number": "+31611111111"}


def test_nothing_is_said_where_there_is_nothing(office: Office) -> None:
    assert found(office) == []


def test_a_policy_that_reaches_somebody_is_well(office: Office) -> None:
    office.contact("anna", ANNA)
    assert found(office, to=[{"contact": "anna"}]) == [
        ("ok", "contacts", "1 contact, each with a number that may be called")
    ]


def test_policies_that_name_nobody_are_told(office: Office) -> None:
    office.contact("anna", ANNA)
    to = [{"contact": "anna"}, {"contact": "dora"}, {"schedule": "night"}]
    assert found(office, to=to)[0] == (
        "fail",
        "people of policy night-shift",
        "there is no contact named 'dora'; there are: anna; "
        "there is no schedule named 'night'; there are: none",
    )


def test_a_policy_whose_group_is_empty_and_whose_schedule_has_a_gap_calls_nobody(office: Office) -> None:
    office.group("plant")
    office.schedule("night", WEEKLY | {"starts": "2026-11-23"})
    steps = [{"to": [{"group": "plant"}]}, {"to": [{"schedule": "night"}]}]
    [(result, check, detail)] = found(office, to=None, steps=steps)
    assert (result, check) == ("fail", "reach of policy night-shift")
    assert detail.startswith(
        "nobody would be called now: the group 'plant' has no members; nobody is on call"
    )


def test_a_step_without_anybody_is_told(office: Office) -> None:
    office.group("plant")
    steps = [{"to": [{"number": "+31611111111"}]}, {"to": [{"group": "plant"}]}]
    assert found(office, to=None, steps=steps) == [
        (
            "warn",
            "reach of policy night-shift",
            "step 2 would call nobody now: the group 'plant' has no members",
        )
    ]


def test_a_policy_made_at_run_time_is_looked_at_too(office: Office) -> None:
    office.group("plant")
    document = {"to": [{"group": "plant"}], "message": {"ivr": "6500"}}
    with office.store.write() as tx:
        tx.execute(insert(table(Policy)).values(name="day", document=document, **MADE))
    assert [(result, check) for result, check, _ in found(office)] == [("fail", "reach of policy day")]


def test_contacts_whom_no_call_reaches_are_told(office: Office) -> None:
    office.contact("anna", ANNA)
    office.contact("ben", {"extension": "1002"})
    office.contact("cleo", {"number": "+31622222222"})
    office.contact("dora", {"number": "+31633333333"}, {"extension": "1003", "pbx": "old"})
    office.forbid("+31622222222", alarms_too=True)
    office.forbid("+31611111111", alarms_too=False)
    assert found(office) == [
        (
            "warn",
            "contacts without a number",
            "ben can be called inside the PBX only, not when the building is empty",
        ),
        (
            "fail",
            "contacts who may not be called",
            "every number of cleo is on the do-not-call list, for alarms too",
        ),
        ("fail", "contacts at an unknown PBX", "a way of dora names a PBX that is not configured"),
    ]
