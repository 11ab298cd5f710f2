"""A PBX whose reports are fetched over TCP: a campaign goes through, with the stream cut in its midst."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from dispatcher.domain.pacing import REPORTS_GRACE
from dispatcher.simulator import SimulatedPbx
from tests.system.families import YEASTAR_K2
from tests.system.judgement import judge
from tests.system.processes import wait_until
from tests.system.site import ROLES, Site, number, simulated_pbx
from tests.system.truth import Trouble
from tests.system.wire import State, Wire

CHANNELS = 5
CALLS = 60
CODES = ("0001", "0008", "0486", "0001", "0003", "0404")
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 5.0}


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(CHANNELS, family=YEASTAR_K2, time_scale=0.05) as running:
        yield running


@pytest.fixture
def wire(pbx: SimulatedPbx) -> Iterator[Wire]:
    """The line on which the reports come."""
    with Wire(pbx.report_port) as line:
        yield line


@pytest.fixture(params=["one process", "all roles"])
def site(request: pytest.FixtureRequest, pbx: SimulatedPbx, wire: Wire, tmp_path: Path) -> Iterator[Site]:
    """An installation on SQLite in one process, and one of four processes on PostgreSQL and Redis."""
    stores: tuple[str, ...] = (f"sqlite:///{tmp_path / 'dispatcher.db'}",)
    if request.param == "all roles":
        stores = (request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url"))
    with Site(
        tmp_path,
        pbx.url,
        *stores,
        channels=CHANNELS,
        pacing=PACING,
        family=YEASTAR_K2,
        report_port=wire.port,
    ) as made:
        made.start(*roles_of(made))
        yield made


def roles_of(site: Site) -> Sequence[str]:
    return ("up",) if site.store_url.startswith("sqlite") else ROLES


def is_read(site: Site) -> bool:
    [up] = [sample.value for sample in site.samples() if sample.name == "dispatcher_report_stream_up"]
    return up == 1


def cut(pbx: SimulatedPbx) -> None:
    """Cut every connection that fetches reports; what happens until it is made again is lost."""
    httpx.post(f"{pbx.url}/simulator/stream", json={"drop": True}, trust_env=False).raise_for_status()


def begun(site: Site) -> tuple[str, list[str]]:
    """A campaign under way, and its numbers."""
    wait_until(lambda: is_read(site), 60, "the stream")
    numbers = [number(place, CODES[place % len(CODES)]) for place in range(CALLS)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0, "unknown": 0})
    site.go(campaign)
    return campaign, numbers


def over(site: Site, pbx: SimulatedPbx, campaign: str) -> None:
    site.campaign_over(campaign, 120)
    pbx.wait_idle(60)
    site.idle(60)


@pytest.mark.timeout(300)
def test_nothing_is_dialled_before_the_stream_is_open_but_alarms_in_the_end(
    site: Site, pbx: SimulatedPbx, wire: Wire
) -> None:
    for program in site.programs.values():
        program.stop()
    wire.turn(State.CUT)
    began = time.monotonic()
    site.start(*site.programs)
    campaign = site.load([number(place) for place in range(CALLS)])
    site.go(campaign)
    alarm = site.raise_alarm(number(900))
    told = {call["waiting_for"] for call in site.calls(campaign)}
    assert told == {"the reports of hq to be read, which nobody does now"}

    wait_until(lambda: bool(pbx.judge.dials()), 60, "the alarm's call")
    waited = time.monotonic() - began
    assert REPORTS_GRACE.total_seconds() <= waited
    time.sleep(1.5)
    [call] = site.alarm(alarm)["calls"]
    assert call["attempts"]
    assert not any(call["attempts"] for call in site.calls(campaign))

    wire.turn(State.GOOD)
    over(site, pbx, campaign)
    calls = site.calls(campaign)
    assert {call["state"] for call in calls} == {"delivered"}
    assert {len(call["attempts"]) for call in calls} == {1}


@pytest.mark.timeout(300)
def test_a_campaign_whose_reports_are_fetched(site: Site, pbx: SimulatedPbx) -> None:
    campaign, numbers = begun(site)
    over(site, pbx, campaign)

    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    outcomes = judge(pbx, calls, campaign_attempts=2)
    assert outcomes["delivered"] == CALLS / 2
    assert set(+site.dispositions()) <= {"applied", "duplicate", "foreign"}


@pytest.mark.timeout(300)
def test_a_stream_that_is_cut_costs_no_call_and_repeats_none(site: Site, pbx: SimulatedPbx) -> None:
    campaign, numbers = begun(site)
    for share in (10, 25, 40):
        site.wait_for_some(campaign, share)
        cut(pbx)
        wait_until(lambda: is_read(site), 60, "the stream's return")
    over(site, pbx, campaign)

    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    judge(pbx, calls, campaign_attempts=2, troubled={Trouble.REPORTS_LOST})


@pytest.mark.timeout(300)
def test_the_stream_of_a_process_that_was_killed_is_taken_over(site: Site, pbx: SimulatedPbx) -> None:
    reader = "up" if "up" in site.programs else "reports"
    campaign, numbers = begun(site)
    site.wait_for_some(campaign, 10)
    site.programs[reader].kill()
    site.start(reader)
    wait_until(lambda: is_read(site), 60, "the stream's return")
    over(site, pbx, campaign)

    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    troubled = {Trouble.REPORTS_LOST, Trouble.ANSWER_LOST}
    judge(pbx, calls, campaign_attempts=2, troubled=troubled)
    assert site.programs[reader].stop() == 0
