"""Processes are killed (``kill -9``) at random moments and come back: nothing is lost or repeated."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.simulator import Fault, Faults, SimulatedPbx
from tests.system.chance import seed_of, tell
from tests.system.judgement import judge
from tests.system.site import WORKERS_READY, Site, number, simulated_pbx

CHANNELS = 5
CALLS = 100
CODES = ("0001", "0008", "1486", "0001", "0003", "0001", "0486", "0001", "0404", "0004")
KILLS = 7
PROCESSES = ("api", "reports", "pacer", "pacer-2", "workers", "workers-2")
VICTIMS = ("workers", "workers-2", "pacer", "pacer-2", "reports")
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 5.0}


@pytest.fixture
def seed() -> int:
    return seed_of("kills")


@pytest.fixture
def pbx(seed: int) -> Iterator[SimulatedPbx]:
    # A dial request that takes long is one during which its worker may die.
    faults = Faults({Fault.SLOW_RESPONSE: 0.7}, seed=seed, slow_seconds=0.5)
    with simulated_pbx(CHANNELS, time_scale=0.03, faults=faults) as running:
        yield running


@pytest.fixture
def site(pbx: SimulatedPbx, postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, pbx.url, postgres_url, redis_url, channels=CHANNELS, pacing=PACING) as made:
        made.start(*PROCESSES)
        yield made


@pytest.mark.timeout(300)
def test_killed_processes_lose_and_repeat_nothing(site: Site, pbx: SimulatedPbx, seed: int) -> None:
    dice = random.Random(seed)
    numbers = [number(place, CODES[place % len(CODES)]) for place in range(CALLS)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0, "no_answer": 0})
    site.go(campaign)

    victims = [*VICTIMS, *dice.choices(VICTIMS, k=KILLS - len(VICTIMS))]
    dice.shuffle(victims)
    over_at_kill = []
    for victim in victims:
        time.sleep(dice.uniform(0.3, 1.5))
        over_at_kill.append(site.over(campaign))
        kill(site, victim, only_child=victim.startswith("workers") and dice.random() < 0.5)
        time.sleep(dice.uniform(0.0, 0.5))
        site.launch(victim)
    tell(f"killed {victims} when so many calls were over: {over_at_kill}")
    assert over_at_kill[-1] < CALLS, "the campaign was over before the last process was killed"
    site.wait_ready(*VICTIMS)
    site.campaign_over(campaign, 120)
    pbx.wait_idle(30)
    site.idle(60)

    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    outcomes = judge(pbx, calls, dials_are_lost=True)
    dispositions = site.dispositions()
    doubts = site.rows("attempts", "doubted_at IS NOT NULL")
    tell(f"outcomes {dict(outcomes)}, reports {dict(dispositions)}, attempts that were in doubt {doubts}")
    assert set(+dispositions) <= {"applied", "duplicate"}, "reports went astray"
    linked = {attempt["callid"] for call in calls for attempt in call["attempts"]}
    # No report was lost, so every call that the PBX placed has found its attempt.
    assert {record.callid for record in pbx.judge.calls()} <= linked
    # An attempt without a call is one whose process died around its request; the others are untouched.
    unknown = [call for call in calls if call["outcome"] == "unknown"]
    assert len(unknown) <= 4 * 2 * victims.count("workers") + 4 * 2 * victims.count("workers-2")
    for call in calls:
        assert call["outcome"] in (OUTCOMES[call["number"][-4:]], "unknown"), call


OUTCOMES = {
    "0001": "delivered",
    "0008": "delivered",
    "1486": "delivered",
    "0003": "not_heard",
    "0486": "busy",
    "0404": "invalid_number",
    "0004": "no_answer",
}


@pytest.mark.timeout(120)
def test_a_call_whose_process_died_while_dialling_is_found_again(tmp_path: Path) -> None:
    """The request is on its way when the process dies: the call goes up, and nobody here knows its callid."""
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    faults = Faults(slow_seconds=5.0)
    with (
        simulated_pbx(CHANNELS, time_scale=0.1, faults=faults) as pbx,
        Site(tmp_path, pbx.url, store, channels=CHANNELS, timeout=1.0, pacing=PACING) as site,
    ):
        site.start("up")
        pbx.arm(Fault.SLOW_RESPONSE, 2)
        campaign = site.load([number(1), number(2, "0006")])
        site.go(campaign)
        pbx.judge.wait_for(lambda judge: judge.live() == 2)
        site.programs["up"].kill()
        site.start("up")
        # They hold their channels while nobody knows what became of them.
        assert site.get("/v1/trunks")["items"][0]["channels_in_use"]["ours"] == 2
        site.campaign_over(campaign, 60)
        pbx.wait_idle(20)
        site.idle(20)

        calls = site.calls(campaign)
        judge(pbx, calls, dials_are_lost=True)
        first, second = calls
        assert first["outcome"] == "delivered"
        (attempt,) = first["attempts"]
        assert attempt["callid"] == pbx.judge.calls_to(number(1).strip("+"))[0].callid
        assert [attempt["outcome"] for attempt in second["attempts"]] == ["not_heard"] * 3


def kill(site: Site, name: str, *, only_child: bool) -> None:
    """Kill a program with everything it started, or only the child that does its work, once it has booted."""
    program = site.programs[name]
    if only_child and program.is_running and WORKERS_READY in program.said:
        program.kill_child()
    else:
        program.kill()
