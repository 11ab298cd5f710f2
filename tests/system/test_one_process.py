"""One process on SQLite: ``dispatcher up``, an alarm, and a restart in the middle of a campaign."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.simulator import SimulatedPbx
from tests.system.judgement import judge
from tests.system.site import Site, number, simulated_pbx

CHANNELS = 5


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(CHANNELS) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, tmp_path: Path) -> Iterator[Site]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with Site(tmp_path, pbx.url, store, channels=CHANNELS) as made:
        yield made


def test_an_alarm_is_acknowledged_by_a_key(site: Site, pbx: SimulatedPbx) -> None:
    site.start("up")

    alarm = site.alarm_over(site.raise_alarm(number(1, "0001"), number(2, "1486")))

    assert alarm["status"] == "acknowledged"
    assert alarm["acknowledged_by"]
    (first,) = [call for call in alarm["calls"] if call["number"] == number(1, "0001")]
    assert (first["state"], first["outcome"]) == ("delivered", "delivered")
    assert [attempt["digits"] for attempt in first["attempts"]] == ["1"]
    assert pbx.judge.over_limits() == 0
    assert site.programs["up"].stop() == 0


def test_a_restart_in_the_middle_of_a_campaign_loses_and_repeats_nothing(
    site: Site, pbx: SimulatedPbx
) -> None:
    codes = ["0001", "0008", "0486", "1486", "0003", "0004", "0006", "0404"]
    numbers = [number(place, codes[place % len(codes)]) for place in range(64)]
    site.start("up")
    campaign = site.load(numbers)
    site.go(campaign)

    for share in (15, 35):
        site.wait_for_some(campaign, share)
        assert site.programs["up"].stop() == 0, site.programs["up"].said
        # Calls that are up go on, and their reports are repeated until the process is back.
        time.sleep(0.5)
        site.start("up")
    alarm = site.raise_alarm(number(999, "0001"))
    site.alarm_over(alarm)
    site.campaign_over(campaign, 60)
    pbx.wait_idle(60)
    site.idle(60)

    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    outcomes = judge(pbx, [*calls, *site.alarm(alarm)["calls"]])
    assert site.alarm(alarm)["status"] == "acknowledged"
    by_code = {code: {c["outcome"] for c in calls if c["number"].endswith(code)} for code in codes}
    assert by_code == {
        "0001": {"delivered"},
        "0008": {"delivered"},
        "0486": {"busy"},
        "1486": {"delivered"},
        "0003": {"not_heard"},
        "0004": {"no_answer"},
        "0006": {"not_heard"},
        "0404": {"invalid_number"},
    }
    assert outcomes["delivered"] == 25
