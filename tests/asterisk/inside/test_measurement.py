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
    samples = measured(CALLS, 1, [StoreKind.POSTGRES], told.append)
    assert samples == told
    assert [sample.system for sample in samples] == ["spool", "dispatcher", "baseline"]
    for sample in samples:
        assert sample.facts["placed"] == CALLS, sample
        assert sample.values["peak"] <= CHANNELS, sample
    spool, dispatcher, baseline = (sample.values["outcomes_known"] for sample in samples)
    assert spool == 0.1
    assert dispatcher == 1.0
    assert baseline > spool
