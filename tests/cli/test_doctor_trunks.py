"""What keeps a trunk from being dialled on is found, whatever the PBX itself says of the trunk."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dispatcher.cli.doctor.trunks import check_health_of
from dispatcher.store.tables import Trunk, table
from tests.scripted import TRUNK, Office, open_office
from tests.store import rows

trunks = table(Trunk)


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    with open_office(store_url) as made:
        yield made


def change(office: Office, **columns: Any) -> None:
    with office.core.store.write() as tx:
        tx.execute(update(trunks).where(trunks.c.name == TRUNK).values(**columns))


def found(office: Office) -> list[tuple[str, str, str]]:
    """What is found: the result, the check, and the details."""
    [pbx] = office.core.settings.pbx
    findings = list(check_health_of(pbx, office.core.store, office.clock()))
    assert all(finding.mend for finding in findings)
    return [(finding.result, finding.check, finding.detail) for finding in findings]


def test_nothing_is_said_of_trunks_that_work(office: Office) -> None:
    assert found(office) == []


def test_a_trunk_that_was_paused_and_forgotten(office: Office) -> None:
    change(office, paused=True)

    assert found(office) == [("warn", f"dialling on hq/{TRUNK}", "it is paused")]


def test_a_trunk_that_is_blocked_and_then_tried_out(office: Office) -> None:
    until = office.clock() + timedelta(seconds=20)
    change(office, failures_in_row=5, blocked_until=until, blocked_why="5 failures in a row, the last: 503")
    [(_, check, detail)] = found(office)
    assert check == f"dialling on hq/{TRUNK}"
    assert detail == "blocked until 10:00:20 UTC: 5 failures in a row, the last: 503"

    office.clock.move(seconds=20)
    [(_, _, detail)] = found(office)
    assert detail == (
        "one call at a time tries whether it works again, after 5 failures in a row, the last: 503"
    )


def test_a_pbx_that_is_away_takes_its_extensions_with_it(office: Office) -> None:
    with office.core.store.write() as tx:
        rows.add(tx, "pbx_sessions", pbx="hq", problem="no connection")

    assert found(office) == [
        ("warn", "dialling on the extensions of hq", "nothing is dialled: hq is away: no connection"),
        ("warn", f"dialling on hq/{TRUNK}", "nothing is dialled: hq is away: no connection"),
    ]
