"""Three worker processes and two pacers on five channels: the PBX proves that five were the most."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dispatcher.simulator import SimulatedPbx
from tests.system.judgement import judge
from tests.system.site import TRUNK, Site, number, simulated_pbx

CHANNELS = 5
CODES = ("0001", "0008", "0001", "1486", "0001", "0486", "0001", "0003", "0001", "0404")
OUTCOMES = {
    "0001": ("delivered", 1),
    "0008": ("delivered", 1),
    "1486": ("delivered", 2),
    "0486": ("busy", 2),
    "0003": ("not_heard", 2),
    "0404": ("invalid_number", 1),
}
"""By code: the call's outcome, and how many attempts that takes."""


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(CHANNELS) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, pbx.url, postgres_url, redis_url, channels=CHANNELS, reserved=1) as made:
        yield made


@pytest.mark.timeout(400)
def test_five_channels_are_never_exceeded_by_many_processes(site: Site, pbx: SimulatedPbx) -> None:
    site.start("api", "reports", "pacer", "pacer-2", "workers", "workers-2", "workers-3")
    numbers = [number(place, CODES[place % len(CODES)]) for place in range(160)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0})
    site.go(campaign)

    alarms = []
    for place, share in enumerate((20, 60, 100)):
        site.wait_for_some(campaign, share, 120)
        alarms.append(site.raise_alarm(number(900 + place)))
    site.campaign_over(campaign, 120)
    pbx.wait_idle(60)
    site.idle(60)

    calls = site.calls(campaign)
    raised = [site.alarm(alarm) for alarm in alarms]
    judge(pbx, [*calls, *(call for alarm in raised for call in alarm["calls"])], campaign_attempts=2)
    assert pbx.judge.trunk(TRUNK).peak <= CHANNELS
    assert +site.dispositions() == {"applied": pbx.judge.reports()["made"]}, "reports went astray"
    assert [call["number"] for call in calls] == numbers
    for call in calls:
        assert (call["outcome"], len(call["attempts"])) == OUTCOMES[call["number"][-4:]], call
    for alarm in raised:
        assert alarm["status"] == "acknowledged"
        assert started_before(alarm, calls) <= CHANNELS


def started_before(alarm: dict[str, Any], campaign_calls: list[dict[str, Any]]) -> int:
    """How many calls of the campaign were dialled after the alarm was durable and before its own dial."""
    (call,) = alarm["calls"]
    raised, dialled = (
        datetime.fromisoformat(at) for at in (alarm["created_at"], call["attempts"][0]["dialed_at"])
    )
    dials = [datetime.fromisoformat(a["dialed_at"]) for c in campaign_calls for a in c["attempts"]]
    return sum(raised < at < dialled for at in dials)
