"""A restart while somebody listens, at a PBX that keeps no reports: the key that follows is not lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.simulator import SimulatedPbx, Timing
from tests.system.families import YEASTAR_K2
from tests.system.processes import wait_until
from tests.system.site import Site, number, simulated_pbx

CHANNELS = 5
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 5.0}
SLOW_TO_PRESS = Timing(setup=0.1, ring=0.3, prompt=1.0, key_delay=2.5, cdr=0.1)


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    with simulated_pbx(CHANNELS, family=YEASTAR_K2, time_scale=1.0, timing=SLOW_TO_PRESS) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, tmp_path: Path) -> Iterator[Site]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with Site(
        tmp_path,
        pbx.url,
        store,
        channels=CHANNELS,
        pacing=PACING,
        family=YEASTAR_K2,
        report_port=pbx.report_port,
    ) as made:
        made.start("up")
        yield made


@pytest.mark.timeout(300)
def test_a_key_that_is_pressed_during_a_stop_counts(site: Site, pbx: SimulatedPbx) -> None:
    alarm = site.raise_alarm(number(1))
    wait_until(lambda: bool(site.rows("attempts", "answered_at IS NOT NULL")), 60, "somebody who listens")
    assert site.rows("attempts", "phase = 'ended'") == 0

    assert site.programs["up"].stop() == 0
    pbx.wait_idle(60)  # What nobody has read by now is lost.

    site.start("up")
    site.alarm_over(alarm)
    told = site.alarm(alarm)
    assert told["status"] == "acknowledged"
    assert [len(call["attempts"]) for call in told["calls"]] == [1]
    assert len(pbx.judge.dials()) == 1
