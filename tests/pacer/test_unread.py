"""A PBX whose reports are fetched: while nobody reads them campaigns wait, and alarms for some seconds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from dramatiq.brokers.stub import StubBroker

from dispatcher.domain.pacing import REPORTS_GRACE, Hold
from dispatcher.pacer.claim import Claimed, claim
from dispatcher.runtime.wiring import build
from dispatcher.store import leases, streams
from dispatcher.store.tables import Call
from tests.cores import PBX, settings_for
from tests.pacer.test_hunt import numbers
from tests.scripted import NUMBER, Office, open_office

OTHER_TRUNK = {"name": "north", "trunk": [{"name": "other", "channels": 4}]}
HERE, INTERNAL, OTHER = ("hq", "SPS-6-36"), ("hq", ""), ("north", "other")
READER = "one"


@pytest.fixture
def office(store_url: str) -> Iterator[Office]:
    """The reports of hq, which is asked first, are fetched; those of north are posted."""
    with open_office(store_url, pbx=[PBX, PBX | OTHER_TRUNK]) as made:
        for key in (HERE, INTERNAL):
            made.lines[key] = replace(made.lines[key], reports_are_fetched=True)
        made.lines[OTHER] = replace(made.lines[OTHER], rank=1)
        with made.core.store.write() as tx:
            streams.sync(tx, ["hq"])
        yield made


def read(office: Office, seconds: float = 3600.0) -> None:
    """A process opens the stream, and lives for so long."""
    now = office.clock()
    with office.core.store.write() as tx:
        leases.take(tx, streams.lease_of("hq"), READER, now, now + REPORTS_GRACE * (seconds / 10))
        streams.opened(tx, "hq", now)


def lose(office: Office) -> None:
    with office.core.store.write() as tx:
        streams.lost(tx, "hq", office.clock(), "the stream was cut")


def given_out(
    office: Office, line: tuple[str, str] = HERE, *, alone: bool = True, began: datetime | None = None
) -> Claimed:
    """What one claim gives out; with the other trunk in view unless ``alone``."""
    lines = [] if alone else list(office.lines.values())
    since = began or streams.LONG_AGO
    return office.core.store.transact(lambda tx: claim(tx, office.clock(), office.lines[line], lines, since))


def test_campaigns_wait_until_the_stream_is_open(office: Office) -> None:
    office.campaign(*numbers(3))
    office.clock.move(hours=1)
    assert given_out(office).total == 0
    assert [(row.state, row.attempts_made) for row in office.rows(Call)] == [("queued", 0)] * 3

    read(office)
    assert len(given_out(office).campaigns) == 3


def test_campaigns_wait_while_it_is_away(office: Office) -> None:
    office.campaign(*numbers(3), max_concurrent=1)
    read(office)
    assert len(given_out(office).campaigns) == 1
    lose(office)
    office.clock.move(hours=1)
    assert given_out(office).total == 0


@pytest.mark.parametrize("line", [HERE, INTERNAL])
def test_an_alarm_waits_for_some_seconds(office: Office, line: tuple[str, str]) -> None:
    read(office)
    lose(office)
    lost_at = office.clock()
    office.alarm(NUMBER if line == HERE else "1002")
    office.clock.move(seconds=9.9)
    held = given_out(office, line)
    assert (held.total, held.plan.hold) == (0, Hold.UNREAD)
    assert held.wake_at == lost_at + REPORTS_GRACE

    office.clock.move(seconds=0.1)
    assert len(given_out(office, line).alarms) == 1


def test_an_alarm_does_not_wait_once_the_stream_is_back(office: Office) -> None:
    lose(office)
    office.alarm(NUMBER)
    read(office)
    assert len(given_out(office).alarms) == 1


def test_a_process_that_has_just_begun_waits_for_the_stream_to_be_opened(office: Office) -> None:
    read(office)
    lose(office)
    office.alarm(NUMBER)
    began = office.clock.move(hours=8)
    assert given_out(office, began=began).wake_at == began + REPORTS_GRACE
    office.clock.move(seconds=10)
    assert len(given_out(office, began=began).alarms) == 1


def test_a_reader_that_has_died_is_found_by_its_lease(office: Office) -> None:
    read(office, seconds=6)
    office.campaign(*numbers(1))
    office.alarm(NUMBER)
    died_at = office.clock.move(seconds=6)
    assert given_out(office).wake_at == died_at + REPORTS_GRACE
    with office.core.store.read() as tx:
        assert streams.up(tx, died_at) == {"hq": False}
        assert streams.unread(tx, died_at) == {"hq": died_at}

    office.clock.move(seconds=10)
    claimed = given_out(office)
    assert (len(claimed.alarms), len(claimed.campaigns)) == (1, 0)


def test_nothing_is_left_to_a_trunk_whose_reports_are_not_read(office: Office) -> None:
    """It is asked first; the other one takes over at once, also alarms that it could start by now."""
    office.campaign(*numbers(2))
    office.alarm(NUMBER)
    office.clock.move(hours=1)
    assert given_out(office, alone=False).total == 0
    claimed = given_out(office, OTHER, alone=False)
    assert (len(claimed.alarms), len(claimed.campaigns)) == (1, 2)


def test_all_is_left_to_it_while_they_are_read(office: Office) -> None:
    read(office)
    office.campaign(*numbers(2))
    assert given_out(office, OTHER, alone=False).total == 0
    assert given_out(office, alone=False).total == 2


def test_a_pbx_that_posts_is_not_asked_about(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the claim is hot")

    monkeypatch.setattr(streams, "unread", never)
    office.campaign(NUMBER)
    assert given_out(office, OTHER).total == 1


def test_lines_know_whose_reports_are_fetched() -> None:
    tcp = {"name": "tcp", "family": "yeastar-k2", "report_transport": "tcp"}
    posting = {"name": "posting", "family": "yeastar-k2"}
    axeos = {"name": "axeos", "family": "axeos"}
    settings = settings_for("sqlite:///nothing.db", pbx=[PBX, PBX | tcp, PBX | posting, PBX | axeos])
    parts = build(settings, StubBroker())

    assert parts.pulled() == ["tcp", "axeos"]
    assert {key for key, line in parts.lines.items() if line.reports_are_fetched} == {
        ("tcp", "SPS-6-36"),
        ("tcp", ""),
        ("axeos", "SPS-6-36"),
        ("axeos", ""),
    }
    parts.close()
