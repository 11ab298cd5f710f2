"""Each way of placing calls does its job: a comparison with a broken one would mean nothing."""

from bench.asterisk.calls import MIX
from bench.asterisk.run import CHANNELS, measured
from bench.measures import Sample

CALLS = 2 * len(MIX)


def test_every_way_places_every_call_once_and_keeps_to_the_channels() -> None:
    told: list[Sample] = []
    samples = measured(CALLS, 1, told.append)
    assert samples == told
    assert [sample.system for sample in samples] == ["spool", "dispatcher", "baseline"]
    for sample in samples:
        assert sample.facts["placed"] == CALLS, sample
        assert sample.values["peak"] <= CHANNELS, sample
    spool, dispatcher, baseline = (sample.values["outcomes_known"] for sample in samples)
    assert spool == 0.1
    assert dispatcher == 1.0
    assert baseline > spool
