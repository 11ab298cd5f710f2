"""A dial request whose fate nobody knows: an alarm is dialled again after a while, a campaign call never."""

from datetime import datetime
from pathlib import Path

from dispatcher.simulator import Fault
from tests.system.judgement import judge
from tests.system.site import Site, number, simulated_pbx

CHANNELS = 8
PACING = {"settle": 0.5, "doubt_wait": 2.0, "silence": 3.0}


def test_doubt_lets_an_alarm_be_dialled_again_and_a_campaign_call_not(tmp_path: Path) -> None:
    """The connection is cut and no call is placed, but nobody here can know that."""
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    with (
        simulated_pbx(CHANNELS) as pbx,
        Site(tmp_path, pbx.url, store, channels=CHANNELS, pacing=PACING) as site,
    ):
        site.start("up")
        pbx.arm(Fault.DIAL_LOST_BEFORE, 2)
        # The campaign's first: the alarm's second call would be the witness that proves it never placed.
        campaign = site.load([number(2)])
        site.go(campaign)
        pbx.judge.wait_for(lambda judge: len(judge.dials()) == 1)
        alarm = site.raise_alarm(number(1))
        site.campaign_over(campaign, 60)
        called = site.alarm_over(alarm, 60)["calls"][0]
        site.idle(60)

        (call,) = site.calls(campaign)
        assert (call["state"], call["outcome"], len(call["attempts"])) == ("failed", "unknown", 1)
        assert pbx.judge.calls_to(number(2).strip("+")) == []
        assert [attempt["outcome"] for attempt in called["attempts"]] == ["unknown", "delivered"]
        first, second = (datetime.fromisoformat(a["dialed_at"]) for a in called["attempts"])
        assert (second - first).total_seconds() >= PACING["doubt_wait"]
        judge(pbx, [call, *site.alarm(alarm)["calls"]])
