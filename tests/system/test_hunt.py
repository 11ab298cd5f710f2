"""Two trunks in their hunt order: the second takes over while the first is down, and nobody pays for it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatcher.simulator import (
    DeliverySettings,
    IvrSettings,
    SimulatedPbx,
    SimulatorSettings,
    TrunkSettings,
)
from tests.system.judgement import judge
from tests.system.processes import wait_until
from tests.system.site import BACKUP_PREFIX, PREFIX, SERIAL, TRUNK, Site, number

CHANNELS = 4
BACKUP = "backup"
OF_BACKUP = f"""\
[[pbx.trunk]]
name = "{BACKUP}"
channels = {CHANNELS}
extension = "1000"
prefix = "{BACKUP_PREFIX}"
"""


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    settings = SimulatorSettings(
        port=0,
        serial=SERIAL,
        trunks=(
            TrunkSettings(TRUNK, CHANNELS, prefix=PREFIX),
            TrunkSettings(BACKUP, CHANNELS, prefix=BACKUP_PREFIX),
        ),
        ivrs=(IvrSettings("6500"),),
        time_scale=0.02,
        delivery=DeliverySettings(retry_interval=0.25, timeout=20.0, max_attempts=1000),
    )
    with SimulatedPbx(settings) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, tmp_path: Path) -> Iterator[Site]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with Site(tmp_path, pbx.url, store, channels=CHANNELS) as made:
        made.config.write_text(made.config.read_text() + OF_BACKUP)
        yield made


def health(site: Site) -> dict[str, str]:
    """How each trunk is, in a word."""
    return {item["name"]: item["health"]["state"] for item in site.get("/v1/trunks")["items"]}


def by_trunk(calls: list[dict[str, Any]]) -> Counter[str]:
    """How many calls were delivered over each trunk."""
    return Counter(
        attempt["trunk"]
        for call in calls
        for attempt in call["attempts"]
        if attempt["outcome"] == "delivered"
    )


@pytest.mark.timeout(240)
def test_the_second_trunk_takes_over_and_the_first_returns(site: Site, pbx: SimulatedPbx) -> None:
    site.start("up")
    once = {"max_attempts": 1, "congestion": 0, "unreachable": 0}
    campaign = site.load([number(place) for place in range(120)], retry=once)
    site.go(campaign)
    site.wait_for_some(campaign, 30)

    pbx.set_trunk(TRUNK, down=True)
    wait_until(lambda: health(site)[TRUNK] != "up", 60, lambda: f"the trouble to be seen: {health(site)}")
    alarm = site.alarm_over(site.raise_alarm(number(900)))
    assert alarm["status"] == "acknowledged"
    assert alarm["calls"][0]["attempts"][-1]["trunk"] == BACKUP
    site.campaign_over(campaign, 90)
    pbx.wait_idle(60)
    site.idle(60)

    calls = site.calls(campaign)
    assert {call["outcome"] for call in calls} == {"delivered"}
    assert set(by_trunk(calls)) == {TRUNK, BACKUP}
    failed = [attempt for call in calls for attempt in call["attempts"] if attempt["outcome"] != "delivered"]
    # Whether a call met the trunk while it was down, or the PBX's list of trunks was seen first, is chance.
    assert {attempt["trunk"] for attempt in failed} <= {TRUNK}

    pbx.set_trunk(TRUNK, down=False)
    wait_until(lambda: health(site)[TRUNK] in ("up", "trying"), 60, lambda: f"its return: {health(site)}")
    again = site.load([number(place) for place in range(200, 208)], retry=once)
    site.go(again)
    site.campaign_over(again, 60)
    pbx.wait_idle(60)
    site.idle(60)

    assert by_trunk(site.calls(again))[TRUNK] > 0
    assert health(site) == {TRUNK: "up", BACKUP: "up"}
    judge(pbx, [*calls, *site.calls(again), *site.alarm(alarm["id"])["calls"]])
