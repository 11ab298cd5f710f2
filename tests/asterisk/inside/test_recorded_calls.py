"""Without the hang-up handler: what became of calls stands in the tables that Asterisk's modules write."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.asterisk.inside.conftest import Bench, bench_of
from tests.asterisk.judgement import Evidence, judge
from tests.asterisk.packages import NEWER, OLDER
from tests.asterisk.phones import number_of
from tests.asterisk.records import cel, intervals
from tests.asterisk.server import GIVEN_TO_USERS
from tests.asterisk.site import AsteriskSite
from tests.system.processes import wait_until

CALLEES = (
    *("presses 1", "presses 1", "presses 9", "is silent", "presses 1 during the prompt"),
    *("is busy after a while", "declines after a while", "rings for ever", "answers late"),
)
OUTCOMES = {"delivered": 4, "not_heard": 2, "busy": 1, "rejected": 1, "no_answer": 1}

SQLITE = {"cdr_sqlite3_custom": "", "cel_sqlite3_custom": ""}
"""Their settings are among those that users are given."""

POSTGRESQL = "[global]\nhostname={host}\nport={port}\ndbname={database}\nuser={username}\ntable={table}\n"


@dataclass(frozen=True, slots=True)
class Recording:
    """An Asterisk that writes its records into a database, and that database's URL."""

    bench: Bench
    url: str


@pytest.fixture(params=["older, SQLite", "newer, PostgreSQL"])
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    if request.param == "older, SQLite":
        with bench_of(OLDER, SQLITE) as bench:
            yield Recording(bench, f"sqlite:///{bench.asterisk.records_file}")
        return
    url = str(request.getfixturevalue("postgres_url"))
    with bench_of(NEWER, in_postgresql(url)) as bench:
        yield Recording(bench, url)


def in_postgresql(url: str) -> dict[str, str]:
    """The modules that write into PostgreSQL; the tables are made as the documentation says."""
    told = (GIVEN_TO_USERS.parent.parent / "docs" / "asterisk.md").read_text()
    statements = told.partition("```sql\n")[2].partition("```")[0].split(";")
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            if statement.strip() and "GRANT" not in statement:
                connection.execute(text(statement))
    engine.dispose()
    parts = make_url(url)
    place = {"host": parts.host, "port": parts.port, "database": parts.database, "username": parts.username}
    return {f"{table}_pgsql": POSTGRESQL.format(table=table, **place) for table in ("cdr", "cel")}


@pytest.fixture
def site(recording: Recording, tmp_path: Path) -> Iterator[AsteriskSite]:
    asterisk = recording.bench.asterisk
    keys = f'ended_context = "not-there"\ncdr_url = "{recording.url}"'
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    pacing = {"settle": 0.2, "doubt_wait": 2.0, "silence": 4.0}
    reached = {"hq": (asterisk, asterisk.port)}
    with AsteriskSite(
        tmp_path, reached, store, channels=len(CALLEES), ring=9.0, pacing=pacing, keys=keys
    ) as made:
        made.start("up")
        yield made


@pytest.mark.timeout(240)
def test_calls_that_ended_while_the_dispatcher_was_dead_are_found(
    site: AsteriskSite, recording: Recording
) -> None:
    bench = recording.bench
    numbers = [number_of(callee, index) for index, callee in enumerate(CALLEES)]
    campaign = site.load([f"+{number}" for number in numbers], retry={"max_attempts": 1})
    site.go(campaign)
    wait_until(lambda: set(numbers) <= bench.phones.taken().keys(), 30, "every call", every=0.05)
    site.programs["up"].kill()
    with bench.look() as ami:
        wait_until(lambda: ami.channels_up() == 0, 60, "the end of every channel", every=0.2)
    wait_until(lambda: len(recorded(recording.url)) == len(CALLEES), 30, "every record", every=0.2)
    site.start("up")

    site.campaign_over(campaign, 120)
    site.idle(60)
    bench.phones.stop()
    channels = intervals(cel(bench.asterisk.cel_file))
    found = judge(Evidence(site.calls(campaign), channels, bench.phones.taken(), limit=len(CALLEES)))
    assert found == OUTCOMES
    found_out = [call for call in site.calls(campaign) if was_asked_for(site, call["id"])]
    assert len(found_out) > len(CALLEES) // 2


def recorded(url: str) -> set[str]:
    """The ids in the call records."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {row.uniqueid for row in connection.execute(text("SELECT uniqueid FROM cdr"))}
    engine.dispose()
    return found


def was_asked_for(site: AsteriskSite, call: str) -> bool:
    """Whether a call's end was found in the records, and not told by an event."""
    timeline = site.get(f"/v1/calls/{call}")["timeline"]
    return any(event["cause"] == "its call record was found" for event in timeline)
