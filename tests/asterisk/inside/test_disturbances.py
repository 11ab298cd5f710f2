"""What goes wrong around real calls: Asterisk dies, its line is cut or falls silent, the product dies."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asterisk.inside.conftest import Bench
from tests.asterisk.judgement import Evidence, judge
from tests.asterisk.phones import number_of
from tests.asterisk.records import cel, intervals
from tests.asterisk.site import AsteriskSite
from tests.system.processes import wait_until
from tests.system.wire import State, Wire

CHANNELS = 12
MIX = (
    *("under load, presses 1", "is busy", "under load, presses 1 by INFO", "hangs up early"),
    *("under load, presses 1", "presses 9", "is not found", "under load, presses 1"),
)
CALLS = 60
WAIT = 240.0
"""Seconds for things that take some on a machine at rest."""
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 4.0}
RETRY = {"max_attempts": 2, "busy": 0, "not_heard": 0, "unknown": 0, "unreachable": 0.5}


@pytest.fixture
def line(bench: Bench) -> Iterator[Wire]:
    """The line between the product and Asterisk's manager interface."""
    with Wire(bench.asterisk.port) as made:
        yield made


@pytest.fixture
def site(bench: Bench, line: Wire, tmp_path: Path) -> Iterator[AsteriskSite]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    reached = {"hq": (bench.asterisk, line.port)}
    with AsteriskSite(tmp_path, reached, store, channels=CHANNELS, pacing=PACING) as made:
        made.start("up")
        yield made


def campaign_of(site: AsteriskSite) -> str:
    numbers = [f"+{number_of(MIX[index % len(MIX)], index)}" for index in range(CALLS)]
    campaign = site.load(numbers, retry=RETRY)
    site.go(campaign)
    return campaign


def evidence(site: AsteriskSite, bench: Bench, campaign: str) -> Evidence:
    """Everything that is known, once all is over."""
    site.campaign_over(campaign, WAIT)
    site.idle(WAIT)
    with bench.look() as ami:
        wait_until(lambda: ami.channels_up() == 0, WAIT, "the end of every channel", every=0.2)
    bench.phones.stop()
    channels = intervals(cel(bench.asterisk.cel_file))
    return Evidence(site.calls(campaign), channels, bench.phones.taken(), limit=CHANNELS)


@pytest.mark.timeout(900)
def test_asterisk_is_killed_in_the_middle_of_a_campaign(site: AsteriskSite, bench: Bench) -> None:
    """What was up has no end and no record, so nobody is called twice for it; all others are right."""
    campaign = campaign_of(site)
    site.wait_for_some(campaign, 20, WAIT)
    with bench.look() as ami:
        wait_until(lambda: ami.channels_up() >= CHANNELS // 2, WAIT, "channels in use", every=0.05)
    crash = time.time()
    bench.asterisk.kill()
    time.sleep(3.0)
    bench.asterisk.start()
    raised = site.raise_alarm(f"+{number_of('presses 1', 9000)}")
    site.alarm_over(raised, WAIT)

    found = evidence(site, bench, campaign)
    alarm = site.alarm(raised)
    calls = [*found.calls, *alarm["calls"]]
    outcomes = judge(Evidence(calls, found.channels, found.taken, CHANNELS, crashes=[crash], away=True))
    assert alarm["status"] == "acknowledged"
    struck = [one for one in found.channels if one.end is None]
    assert struck
    assert outcomes["delivered"] > CALLS // 4


@pytest.mark.timeout(900)
def test_the_line_to_asterisk_is_cut_and_falls_silent(site: AsteriskSite, bench: Bench, line: Wire) -> None:
    """Calls go on meanwhile; whatever happened to them is found out to the last key."""
    campaign = campaign_of(site)
    for share, state, seconds in ((10, State.CUT, 4.0), (30, State.SILENT, 5.0)):
        site.wait_for_some(campaign, share, WAIT)
        line.turn(state)
        time.sleep(seconds)
        line.turn(State.GOOD)

    found = evidence(site, bench, campaign)
    judge(Evidence(found.calls, found.channels, found.taken, CHANNELS, away=True))
    unknown = [call for call in found.calls if "unknown" in {one["outcome"] for one in call["attempts"]}]
    assert not unknown


@pytest.mark.timeout(900)
def test_the_dispatcher_is_killed_while_calls_are_up(site: AsteriskSite, bench: Bench) -> None:
    """Calls go on without it. Started again, it finds out what became of each, and calls nobody twice."""
    campaign = campaign_of(site)
    for share, seconds in ((10, 0.0), (25, 4.0)):
        site.wait_for_some(campaign, share, WAIT)
        with bench.look() as ami:
            wait_until(lambda: ami.channels_up() >= CHANNELS // 2, WAIT, "channels in use", every=0.05)
        site.programs["up"].kill()
        time.sleep(seconds)
        site.start("up")

    found = evidence(site, bench, campaign)
    judge(Evidence(found.calls, found.channels, found.taken, CHANNELS, away=True))
    unknown = [call for call in found.calls if "unknown" in {one["outcome"] for one in call["attempts"]}]
    assert not unknown
