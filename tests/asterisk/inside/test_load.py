"""Sixty calls at once, twenty new ones a second, for a minute."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest

from tests.asterisk.ami import Ami
from tests.asterisk.inside.conftest import Bench
from tests.asterisk.judgement import Evidence, judge
from tests.asterisk.phones import number_of
from tests.asterisk.records import Interval, cel, intervals, most_at_once
from tests.asterisk.site import AsteriskSite

CHANNELS, PER_SECOND, SECONDS = 60, 20, 60
WINDOW, LATE = 10, 3
"""Seconds over which the rate is judged, and by which a dial may leave late on a busy machine."""

LINGERS = 1.0
"""Seconds for which a channel of which Asterisk has said that it is over may still be listed."""

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


@dataclass(frozen=True, slots=True)
class Listing:
    """The channels that Asterisk listed between two moments."""

    began: float
    over: float
    ids: set[str]

    def shows(self, channel: Interval) -> bool:
        """Whether such a channel may be in it. One that is over stays in the list for a moment."""
        return channel.begin <= self.over and (channel.end or inf) >= self.began - LINGERS


class Looking:
    """Asks Asterisk, over and over, what channels it has (`core show channels`)."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.listings: list[Listing] = []

    def __enter__(self) -> "Looking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.25):
            began = time.time()
            ids = self._ami.channels()
            self.listings.append(Listing(began, time.time(), ids))
            self._ami.events.clear()


@pytest.fixture
def site(bench: Bench, tmp_path: Path) -> Iterator[AsteriskSite]:
    store = f"sqlite:///{tmp_path / 'dispatcher.db'}"
    reached = {"hq": (bench.asterisk, bench.asterisk.port)}
    limit = f"calls_per_second = {PER_SECOND}.0"
    with AsteriskSite(tmp_path, reached, store, channels=CHANNELS, trunk=limit) as made:
        yield made


@pytest.mark.timeout(900)
def test_a_minute_of_sixty_calls_at_once(site: AsteriskSite, bench: Bench) -> None:
    site.start("up")
    callees = [MIX[index % len(MIX)] for index in range(PER_SECOND * SECONDS)]
    numbers = [number_of(callee, index) for index, callee in enumerate(callees)]
    campaign = site.load([f"+{number}" for number in numbers], retry={"max_attempts": 1})
    with bench.look() as ami, Looking(ami) as looking:
        site.go(campaign)
        site.campaign_over(campaign, 6 * SECONDS)
        site.idle(SECONDS)
    bench.phones.stop()

    calls = site.calls(campaign)
    channels = intervals(cel(bench.asterisk.cel_file))
    judge(Evidence(calls, channels, bench.phones.taken(), limit=CHANNELS))
    assert [call["number"] for call in calls] == [f"+{number}" for number in numbers]
    wrong = [call for call, callee in zip(calls, callees, strict=True) if call["outcome"] != OUTCOMES[callee]]
    assert not wrong, [(call["number"], call["outcome"]) for call in wrong[:20]]

    # The limit is judged by the event log: it lacks no channel that Asterisk has ever listed.
    logged = {channel.uniqueid: channel for channel in channels}
    assert max(len(listing.ids) for listing in looking.listings) > 0.8 * CHANNELS
    for listing in looking.listings:
        assert all(listing.shows(logged[channel]) for channel in listing.ids), listing
    begins = sorted(channel.begin for channel in channels)
    allowed = PER_SECOND * (WINDOW + LATE)
    assert all(last - first > WINDOW for first, last in zip(begins, begins[allowed:], strict=False))
    # It was a load: nearly all channels at once, and calls at nearly the rate, of which a machine that has
    # much else to do at the same time may keep some back.
    assert most_at_once(channels) > 0.9 * CHANNELS
    assert len(begins) / (begins[-1] - begins[0]) > 0.4 * PER_SECOND
