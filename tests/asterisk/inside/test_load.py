"""Sixty calls at once, twenty new ones a second, for a minute."""

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.asterisk.ami import Ami
from tests.asterisk.inside.conftest import Bench
from tests.asterisk.judgement import Evidence, judge
from tests.asterisk.phones import number_of
from tests.asterisk.records import cel, intervals, most_at_once
from tests.asterisk.site import AsteriskSite

CHANNELS, PER_SECOND, SECONDS = 60, 20, 60
BURST = 1.1
"""A limit per second may be used up at the end of one second and the beginning of the next."""

# Of twenty, in such an order that each second has some of each; a call takes three seconds on average.
MIX = [
    *(["under load, presses 1", "under load, presses 1 by INFO", "is silent", "under load, presses 1"] * 2),
    *("is busy", "under load, presses 1", "under load, presses 1 by INFO", "hangs up early", "is silent"),
    *("under load, presses 1", "is not found", "under load, presses 1 by INFO", "hangs up with cause 16"),
    *("under load, presses 1", "declines", "presses 9"),
]
OUTCOMES = {
    "under load, presses 1": "delivered",
    "under load, presses 1 by INFO": "delivered",
    "is silent": "not_heard",
    "is busy": "busy",
    "hangs up early": "not_heard",
    "is not found": "invalid_number",
    "hangs up with cause 16": "not_heard",
    "declines": "rejected",
    "presses 9": "not_heard",
}


class Counting:
    """Asks Asterisk, over and over, how many channels it has."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self.counts: list[int] = []

    def __enter__(self) -> "Counting":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._is_over.wait(0.25):
            self.counts.append(self._ami.channels_up())
            self._ami.events.clear()


@pytest.fixture
def site(bench: Bench, tmp_path: Path) -> Iterator[AsteriskSite]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    reached = {"hq": (bench.asterisk, bench.asterisk.port)}
    limit = f"calls_per_second = {PER_SECOND}.0"
    with AsteriskSite(tmp_path, reached, store, channels=CHANNELS, trunk=limit) as made:
        yield made


@pytest.mark.timeout(240)
def test_a_minute_of_sixty_calls_at_once(site: AsteriskSite, bench: Bench) -> None:
    site.start("up")
    callees = [MIX[index % len(MIX)] for index in range(PER_SECOND * SECONDS)]
    numbers = [number_of(callee, index) for index, callee in enumerate(callees)]
    campaign = site.load([f"+{number}" for number in numbers], retry={"max_attempts": 1})
    with bench.look() as ami, Counting(ami) as counting:
        site.go(campaign)
        site.campaign_over(campaign, 2 * SECONDS)
        site.idle(20)
    bench.phones.stop()

    calls = site.calls(campaign)
    channels = intervals(cel(bench.asterisk.cel_file))
    judge(Evidence(calls, channels, bench.phones.taken(), limit=CHANNELS))
    assert [call["number"] for call in calls] == [f"+{number}" for number in numbers]
    wrong = [call for call, callee in zip(calls, callees, strict=True) if call["outcome"] != OUTCOMES[callee]]
    assert not wrong, [(call["number"], call["outcome"]) for call in wrong[:20]]

    assert max(counting.counts) <= CHANNELS
    begins = sorted(channel.begin for channel in channels)
    window = int(PER_SECOND * BURST) + 1
    assert all(
        later - first > 1.0 for first, later in zip(begins, islice(begins, window, None), strict=False)
    )
    # It was a load: nearly all channels at once, and calls at nearly the rate, of which a machine that has
    # much else to do at the same time may keep some back.
    assert most_at_once(channels) > 0.9 * CHANNELS
    assert len(begins) / (begins[-1] - begins[0]) > 0.6 * PER_SECOND
