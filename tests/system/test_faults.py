"""Reports go wrong in every way and answers get lost: no limit, number or outcome may be wrong."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dispatcher.simulator import Fault, Faults, SimulatedPbx
from tests.system.chance import seed_of, tell
from tests.system.judgement import judge
from tests.system.site import ROLES, Site, number, simulated_pbx

CHANNELS = 8
CALLS = 117
CODES = (
    "0001",
    "0001",
    "0008",
    "0006",
    "0003",
    "0486",
    "1486",
    "0004",
    "0404",
    "0020",
    "0010",
    "0603",
    "2503",
)
FAULTS = {
    Fault.DUPLICATE_REPORT: 0.20,
    Fault.LOST_REPORT: 0.05,
    Fault.LATE_REPORT: 0.10,
    Fault.REORDERED_REPORT: 0.10,
    Fault.MALFORMED_REPORT: 0.05,
    Fault.EARLY_REPORTS: 0.20,
    Fault.DIAL_LOST_AFTER: 0.05,
}
RETRIED = ("busy", "no_answer", "not_heard", "rejected", "voicemail", "unknown", "congestion")
PACING = {"settle": 0.5, "doubt_wait": 2.0, "silence": 3.0}
"""A call lasts half a second at most; after three seconds of silence the PBX is asked whether it is over."""


@pytest.fixture
def seed() -> int:
    return seed_of("faults")


@pytest.fixture
def pbx(seed: int) -> Iterator[SimulatedPbx]:
    faults = Faults(FAULTS, seed=seed, late_seconds=0.4, early_seconds=0.1)
    with simulated_pbx(CHANNELS, faults=faults) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def site(pbx: SimulatedPbx, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    store, broker = f"sqlite:///{tmp_path / 'dispatcher.db'}", ""
    if request.param == "postgresql":
        store, broker = request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url")
    with Site(tmp_path, pbx.url, store, broker, channels=CHANNELS, reserved=1, pacing=PACING) as made:
        made.start(*(ROLES if broker else ("up",)))
        yield made


@pytest.mark.timeout(300)
def test_whatever_happens_to_reports_and_answers(site: Site, pbx: SimulatedPbx, seed: int) -> None:
    codes = [CODES[place % len(CODES)] for place in range(CALLS)]
    random.Random(seed).shuffle(codes)
    numbers = [number(place, code) for place, code in enumerate(codes)]
    campaign = site.load(numbers, retry={"max_attempts": 3, **dict.fromkeys(RETRIED, 0)})
    site.go(campaign)
    alarms = [site.raise_alarm(number(900 + place)) for place in range(3)]

    site.campaign_over(campaign, 120)
    for alarm in alarms:
        site.alarm_over(alarm, 60)
    pbx.wait_idle(30)
    site.idle(60)

    calls = [*site.calls(campaign), *(call for alarm in alarms for call in site.alarm(alarm)["calls"])]
    outcomes = judge(pbx, calls, reports_are_lost=True, dials_are_lost=True)
    assert [call["number"] for call in calls[:CALLS]] == numbers
    assert site.get("/v1/trunks")["items"][0]["channels_in_use"] == {"ours": 0, "others": 0}
    tell(f"outcomes {dict(outcomes)}, reports {dict(pbx.judge.reports())}")
    # The faults did strike, and most of what they left was enough for the true outcome.
    struck = Counter(dial.response for dial in pbx.judge.dials())
    assert struck["lost_after"] > 0, struck
    assert pbx.judge.reports()["lost"] > 20
    delivered = sum(call["state"] == "delivered" for call in calls)
    pressed = {record.number for record in pbx.judge.calls() if "1" in record.keys}
    assert delivered > 0.9 * len(pressed)


def test_doubt_lets_an_alarm_be_dialled_again_and_a_campaign_call_not(tmp_path: Path) -> None:
    """The connection is cut and no call is placed, but nobody here can know that."""
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with (
        simulated_pbx(CHANNELS) as pbx,
        Site(tmp_path, pbx.url, store, channels=CHANNELS, pacing=PACING) as site,
    ):
        site.start("up")
        pbx.arm(Fault.DIAL_LOST_BEFORE, 2)
        alarm = site.raise_alarm(number(1))
        pbx.judge.wait_for(lambda judge: len(judge.dials()) == 1)
        campaign = site.load([number(2)])
        site.go(campaign)
        site.campaign_over(campaign, 30)
        called = site.alarm_over(alarm, 30)["calls"][0]
        site.idle(20)

        (call,) = site.calls(campaign)
        assert (call["state"], call["outcome"], len(call["attempts"])) == ("failed", "unknown", 1)
        assert pbx.judge.calls_to(number(2).strip("+")) == []
        assert [attempt["outcome"] for attempt in called["attempts"]] == ["unknown", "delivered"]
        first, second = (datetime.fromisoformat(a["dialed_at"]) for a in called["attempts"])
        assert (second - first).total_seconds() >= PACING["doubt_wait"]
        judge(pbx, [call, *site.alarm(alarm)["calls"]], dials_are_lost=True)
