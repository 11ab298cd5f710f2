"""Stopped in order while the PBX is slow: no dial begins, what is in flight is committed, ten seconds do."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dispatcher.simulator import Fault, Faults, SimulatedPbx
from tests.system.judgement import judge
from tests.system.processes import wait_until
from tests.system.site import ROLES, Site, number, simulated_pbx

CHANNELS = 5
CALLS = 25
ANSWERED_AFTER = 2.0
# No doubt is looked into while the programs stop one after the other, however long that takes.
PACING = {"settle": 0.2, "doubt_wait": 60.0, "silence": 60.0}


@pytest.fixture
def pbx(request: pytest.FixtureRequest) -> Iterator[SimulatedPbx]:
    """A PBX that answers dial requests only after so many seconds, while the calls go their way."""
    faults = Faults({Fault.SLOW_RESPONSE: 1.0}, slow_seconds=request.param)
    with simulated_pbx(CHANNELS, time_scale=0.05, faults=faults) as running:
        yield running


@pytest.fixture(params=["one process", "all roles"])
def site(request: pytest.FixtureRequest, pbx: SimulatedPbx, tmp_path: Path) -> Iterator[Site]:
    """An installation on SQLite in one process, and one of four processes on PostgreSQL and Redis."""
    stores: tuple[str, ...] = (f"sqlite:///{tmp_path / 'dispatcher.db'}",)
    if request.param == "all roles":
        stores = (request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url"))
    with Site(
        tmp_path, pbx.url, *stores, channels=CHANNELS, threads=CHANNELS, timeout=60.0, pacing=PACING
    ) as made:
        made.start(*roles_of(made))
        yield made


def roles_of(site: Site) -> Sequence[str]:
    return ("up",) if site.store_url.startswith("sqlite") else ROLES


def stop(site: Site, role: str) -> None:
    """Stop one program as an administrator would: it ends by itself, well, and soon."""
    assert site.programs[role].stop() == 0, role


def under_way(site: Site) -> int:
    return site.rows("attempts", "phase = 'dialing'")


def dialling(site: Site, pbx: SimulatedPbx, requests: int) -> str:
    """A campaign of which so many dial requests have reached the PBX and wait for their answers."""
    campaign = site.load([number(place) for place in range(CALLS)])
    site.go(campaign)
    wait_until(lambda: under_way(site) >= requests, 60, "dials that have begun")
    wait_until(lambda: len(pbx.judge.dials()) >= requests, 60, "dial requests under way")
    return campaign


@pytest.mark.parametrize("pbx", [ANSWERED_AFTER], indirect=True)
@pytest.mark.timeout(300)
def test_a_stop_waits_for_answers_and_leaves_nothing_in_doubt(site: Site, pbx: SimulatedPbx) -> None:
    campaign = dialling(site, pbx, 3)
    roles = roles_of(site)
    dialler = "workers" if "workers" in roles else "up"

    told = time.time()
    stop(site, dialler)
    for role in roles:
        if role != dialler:
            stop(site, role)

    # What had begun before the stop has been sent by then.
    later = told + ANSWERED_AFTER / 2
    assert [dial for dial in pbx.judge.log() if dial.kind == "dial" and dial.wall > later] == []
    assert under_way(site) == 0
    assert site.rows("attempts", "doubted_at IS NOT NULL") == 0
    assert site.rows("processes") == 0
    assert site.rows("leases") == 0

    site.start(*roles)
    site.campaign_over(campaign, 90)
    pbx.wait_idle(60)
    site.idle(60)
    calls = site.calls(campaign)
    judge(pbx, calls)
    assert [len(call["attempts"]) for call in calls] == [1] * CALLS
    assert {call["outcome"] for call in calls} == {"delivered"}


@pytest.mark.parametrize("pbx", [60.0], indirect=True)
@pytest.mark.timeout(300)
def test_a_stop_does_not_wait_for_ever_and_says_what_is_in_doubt(site: Site, pbx: SimulatedPbx) -> None:
    # Every channel is taken, so that nothing can be sent between our look and the stop.
    dialling(site, pbx, CHANNELS)
    sent = len(pbx.judge.dials())
    roles = roles_of(site)

    # The pacer, which asks the PBX after whatever is in doubt, goes first: else it may know by then.
    for role in sorted(roles, key=("pacer", "workers", "reports", "api", "up").index):
        stop(site, role)

    assert len(pbx.judge.dials()) == sent
    assert under_way(site) == 0
    assert site.rows("attempts", "phase = 'in_doubt'") == sent
    assert site.rows("attempts", "phase = 'in_doubt' AND channel_held") == sent
    assert site.rows("processes") == 0
