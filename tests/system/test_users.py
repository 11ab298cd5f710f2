"""A PBX that calls its users, and is asked for events: the process that reads them is killed under calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.simulator import SimulatedPbx, Timing
from tests.system.audit import findings
from tests.system.families import AXEOS
from tests.system.processes import wait_until
from tests.system.site import Site, simulated_pbx

CHANNELS = 5
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 30.0}
UP_FOR_A_WHILE = Timing(setup=0, ring=0.5, prompt=4.0, cdr=0)


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(CHANNELS, family=AXEOS, time_scale=1.0, timing=UP_FOR_A_WHILE) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, tmp_path: Path) -> Iterator[Site]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with Site(tmp_path, pbx.url, store, channels=CHANNELS, pacing=PACING, family=AXEOS) as made:
        made.start("up")
        yield made


def call_users(site: Site, *users: str) -> str:
    """Raise an alarm for some users, who have only to pick up."""
    return site.raise_alarm(to=[{"user": user} for user in users], delivered_when="answered")


@pytest.mark.timeout(300)
def test_calls_outlive_the_process_that_follows_them(site: Site, pbx: SimulatedPbx) -> None:
    """Their events wait at the PBX; a call that waits for a phone which is in use goes on waiting."""
    first = call_users(site, "anna", "ben")
    pbx.judge.wait_for(lambda judge: sum(call.answered is not None for call in judge.calls()) == 2)
    wait_until(lambda: site.rows("attempts", "answered_at IS NOT NULL") == 2, 10, "both in their calls")
    second = call_users(site, "anna")

    site.programs["up"].kill()
    pbx.wait_idle(60)  # The calls end while nobody reads that they do.
    site.start("up")
    wait_until(lambda: site.rows("attempts", "freed_at IS NOT NULL") >= 2, 60, "the end of both calls")
    wait_until(lambda: len(pbx.judge.calls()) == 3, 60, "the call that waited")
    pbx.wait_idle(60)
    site.idle(60)

    calls = [call for alarm in (first, second) for call in site.alarm(alarm)["calls"]]
    assert [(call["user"], call["state"], len(call["attempts"])) for call in calls] == [
        ("anna", "delivered", 1),
        ("ben", "delivered", 1),
        ("anna", "delivered", 1),
    ]
    assert {call["attempts"][0]["callid"] for call in calls} == {call.callid for call in pbx.judge.calls()}
    assert pbx.judge.overlaps() == []
    assert list(findings(site.config)) == []
