"""Each way of placing calls does its job: a comparison with a broken one would mean nothing."""

import pytest

from bench.asterisk.calls import MIX
from bench.asterisk.run import CHANNELS, measured
from bench.measures import Sample
from bench.systems import StoreKind

CALLS = 2 * len(MIX)


@pytest.mark.timeout(1500)
def test_every_way_places_every_call_once_and_keeps_to_the_channels() -> None:
    told: list[Sample] = []
    samples = measured(CALLS, 1, list(StoreKind), told.append)
    assert samples == told
    both = [(system, store) for store in StoreKind for system in ("dispatcher", "baseline")]
    taken = [(sample.system, sample.store) for sample in samples]
    assert taken == [("spool", StoreKind.SQLITE), *both]
    for sample in samples:
        assert sample.facts["placed"] == CALLS, sample
        assert sample.values["peak"] <= CHANNELS, sample
    spool, *others = (sample.values["outcomes_known"] for sample in samples)
    assert spool == 0.1
    for dispatcher, baseline in (others[:2], others[2:]):
        assert dispatcher == 1.0
        assert baseline > spool
