"""Each role a process of its own, on PostgreSQL and Redis: another takes over the reading of events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asterisk.inside.conftest import Bench
from tests.asterisk.judgement import Evidence, judge
from tests.asterisk.phones import number_of
from tests.asterisk.records import cel, intervals
from tests.asterisk.site import AsteriskSite
from tests.services.process import free_port
from tests.system.processes import BIN, Program, wait_until
from tests.system.site import ROLES

CHANNELS = 12
MIX = ("under load, presses 1", "is busy", "under load, presses 1 by INFO", "presses 9")
CALLS = 60
WAIT = 240.0
"""Seconds for things that take some on a machine at rest."""
READS = "reading the reports of hq"
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 4.0}


@pytest.fixture
def site(bench: Bench, postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[AsteriskSite]:
    reached = {"hq": (bench.asterisk, bench.asterisk.port)}
    with AsteriskSite(tmp_path, reached, postgres_url, redis_url, channels=CHANNELS, pacing=PACING) as made:
        made.start(*ROLES)
        yield made


def standby_of(site: AsteriskSite) -> Program:
    """A second process that reads reports, at a port of its own."""
    config = site.folder / "standby.toml"
    config.write_text(site.config.read_text().replace(str(site.reports_port), str(free_port())))
    command = [str(BIN / "dispatcher"), "reports"]
    made = Program("standby", command, site.folder, {"DISPATCHER_CONFIG": str(config)})
    site.programs["standby"] = made
    return made


@pytest.mark.timeout(900)
def test_the_reader_of_events_and_a_dial_worker_are_killed(site: AsteriskSite, bench: Bench) -> None:
    reader = site.programs["reports"]
    reader.wait_to_say(READS)
    standby = standby_of(site)
    standby.launch()
    numbers = [f"+{number_of(MIX[index % len(MIX)], index)}" for index in range(CALLS)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0, "unknown": 0})
    site.go(campaign)
    site.wait_for_some(campaign, 8, WAIT)
    assert READS not in standby.said
    reader.kill()
    standby.wait_to_say(READS, WAIT)
    site.wait_for_some(campaign, 20, WAIT)
    site.programs["workers"].kill()
    site.start("workers")
    site.programs.pop("reports").close()

    site.campaign_over(campaign, WAIT)
    site.idle(WAIT)
    with bench.look() as ami:
        wait_until(lambda: ami.channels_up() == 0, WAIT, "the end of every channel", every=0.2)
    bench.phones.stop()
    calls, channels = site.calls(campaign), intervals(cel(bench.asterisk.cel_file))
    outcomes = judge(Evidence(calls, channels, bench.phones.taken(), CHANNELS, away=True))
    assert outcomes["delivered"] == CALLS / 2
    assert not outcomes["unknown"]
