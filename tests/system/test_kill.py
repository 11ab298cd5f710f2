"""A process is killed (``kill -9``) while its dial request is under way: the call is found again."""

from pathlib import Path

import pytest

from dispatcher.simulator import Fault, Faults
from tests.system.judgement import judge
from tests.system.site import Site, number, simulated_pbx
from tests.system.truth import Trouble

CHANNELS = 5
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 3.0}


@pytest.mark.timeout(300)
def test_a_call_whose_process_died_while_dialling_is_found_again(tmp_path: Path) -> None:
    """The request is on its way when the process dies: the call goes up, and nobody here knows its callid."""
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    faults = Faults(slow_seconds=10.0)
    with (
        simulated_pbx(CHANNELS, time_scale=0.3, faults=faults) as pbx,
        Site(tmp_path, pbx.url, store, channels=CHANNELS, timeout=3.0, pacing=PACING) as site,
    ):
        site.start("up")
        pbx.arm(Fault.SLOW_RESPONSE, 2)
        retry = {"max_attempts": 2, "not_heard": 0}
        campaign = site.load([number(1), number(2, "0006")], retry=retry)
        site.go(campaign)
        pbx.judge.wait_for(lambda judge: judge.live() == 2)
        site.programs["up"].kill()
        # They hold their channels while nobody knows what became of them.
        assert site.rows("attempts", "channel_held") == 2
        site.start("up")
        site.campaign_over(campaign, 60)
        pbx.wait_idle(60)
        site.idle(60)

        calls = site.calls(campaign)
        judge(pbx, calls, campaign_attempts=2, troubled={Trouble.ANSWER_LOST})
        first, second = calls
        assert first["outcome"] == "delivered"
        (attempt,) = first["attempts"]
        assert attempt["callid"] == pbx.judge.calls_to(number(1).strip("+"))[0].callid
        assert [attempt["outcome"] for attempt in second["attempts"]] == ["not_heard"] * 2
