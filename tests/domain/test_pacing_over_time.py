"""A trunk's rate and its shares, over a simulated run of many plans."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.pacing import ALARMS, Hold, Lane, TrunkLoad, plan
from tests.domain.reported import START
from tests.domain.test_pacing import burst_of

PLENTY = 10**6


@dataclass
class Line:
    """A trunk on which every call ends at once, so that only the rate limits it."""

    trunk: TrunkLoad
    starts: list[datetime]

    def look(self, now: datetime, wanted: int = PLENTY) -> datetime | None:
        """Start what may start now; the answer is when to look again."""
        planned = plan(self.trunk, [Lane("campaign", due=wanted)], now)
        self.starts += [now] * planned.total
        self.trunk = replace(self.trunk, next_slot_at=planned.next_slot_at)
        return planned.wake_at


def line(calls_per_second: float) -> Line:
    return Line(TrunkLoad(channels=PLENTY, calls_per_second=calls_per_second), [])


rates = st.floats(0.2, 2000) | st.sampled_from([1, 3, 7, 30, 300])
pauses = st.lists(
    st.tuples(st.timedeltas(timedelta(0), timedelta(seconds=3)), st.integers(0, 400)), max_size=60
)


@given(rates, pauses)
def test_no_window_of_time_ever_holds_more_calls_than_rate_and_burst(
    rate: float, pauses: list[tuple[timedelta, int]]
) -> None:
    there = line(rate)
    now = START
    for pause, wanted in pauses:
        now += pause
        there.look(now, wanted)
    for first, begin in enumerate(there.starts):
        if first and there.starts[first - 1] == begin:
            continue  # The window from the first call of the same instant holds more.
        for last in range(first, len(there.starts)):
            seconds = (there.starts[last] - begin).total_seconds()
            assert last - first + 1 <= rate * seconds + burst_of(there.trunk) + 1e-6


@given(rates, st.integers(5, 60))
def test_who_looks_whenever_told_to_uses_the_whole_rate(rate: float, looks: int) -> None:
    there = line(rate)
    now = START
    for _ in range(looks):
        again = there.look(now)
        assert again is not None
        assert again > now
        now = again
    seconds = (now - START).total_seconds()
    # Times are whole microseconds, so a spacing may be up to one longer than the rate has it.
    spacing = 1 / rate + 1e-6
    assert len(there.starts) >= int(seconds / spacing + 1e-9)


def test_a_rest_saves_up_no_more_than_the_burst() -> None:
    there = line(30)
    there.look(START)
    assert len(there.starts) == burst_of(there.trunk) == 3
    there.look(START + timedelta(hours=1))
    assert len(there.starts) == 6


def test_a_rate_beyond_all_sense_limits_nothing() -> None:
    there = line(1e12)
    there.look(START)
    there.look(START + timedelta(seconds=1))
    assert len(there.starts) == 2 * PLENTY


def test_nobody_is_woken_for_a_rate_that_nobody_waits_for() -> None:
    there = line(1)
    assert there.look(START, wanted=1) is None
    assert there.look(START, wanted=0) is None
    assert there.look(START, wanted=1) == START + timedelta(seconds=1)


@given(
    st.lists(st.integers(1, 10), min_size=2, max_size=5),
    st.integers(4, 40),
    st.randoms(use_true_random=False),
)
def test_in_the_long_run_every_campaign_holds_its_share(weights: list[int], channels: int, random) -> None:
    """Calls end one by one at random; the free channel always goes to who is furthest below its share."""
    active = dict.fromkeys((f"campaign-{place}" for place in range(len(weights))), 0)
    for _ in range(4 * channels):
        lanes = [
            Lane(name, due=PLENTY, weight=weight, active=active[name])
            for (name, weight) in zip(active, weights, strict=True)
        ]
        planned = plan(TrunkLoad(channels=channels, campaigns=sum(active.values())), lanes, START)
        for name, number in planned.grants.items():
            active[name] += number
        assert sum(active.values()) == channels
        for name, weight in zip(active, weights, strict=True):
            share = channels * weight / sum(weights)
            assert abs(active[name] - share) <= len(weights)
        over = random.choice([name for name, number in active.items() if number])
        active[over] -= 1


def test_an_alarm_takes_the_next_channel_of_a_saturated_trunk() -> None:
    trunk = TrunkLoad(channels=10, reserved=2, campaigns=8)
    campaign, alarms = Lane("campaign", due=PLENTY, active=8), Lane(ALARMS, due=3)
    assert plan(trunk, [campaign], START).hold is Hold.RESERVED
    assert plan(trunk, [campaign, alarms], START).grants == {ALARMS: 2}
    one_freed = replace(trunk, alarms=2, campaigns=7)
    assert plan(one_freed, [campaign, replace(alarms, due=1)], START).grants == {ALARMS: 1}
