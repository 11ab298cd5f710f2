"""What the measurement on a real Asterisk makes of its calls, on cases small enough to work out by hand."""

import pytest

from bench.asterisk.calls import MIX, Placed, known, numbers, truth_of, values_of
from tests.asterisk.callees import ANSWERED, INVITED, KEY, REFUSED
from tests.asterisk.phones import Taken
from tests.asterisk.records import Interval

PRESSED = Taken("1", [INVITED, ANSWERED, f"{KEY} 1"])
SILENT = Taken("2", [INVITED, ANSWERED])
BUSY = Taken("3", [INVITED, f"{REFUSED} 486"])
TAKEN = {"1": [PRESSED], "2": [SILENT], "3": [BUSY]}
CHANNELS = [Interval("a", 0.0, 4.0), Interval("b", 0.0, 2.0), Interval("c", 2.5, 4.0)]


def test_every_number_is_another_and_the_mix_goes_round() -> None:
    made = numbers(len(MIX) * 2)
    assert len(set(made)) == len(made)
    assert [number[-4:] for number in made[: len(MIX)]] == [number[-4:] for number in made[len(MIX) :]]


def test_the_truth_is_what_the_phone_did() -> None:
    told = [truth_of(call) for call in (PRESSED, SILENT, BUSY)]
    assert told == ["answered, keys 1", "answered, keys none", "refused 486"]


def test_a_word_that_stands_for_two_things_makes_neither_known() -> None:
    assert known(Placed({"1": "Completed", "2": "Completed", "3": "Expired"}, CHANNELS, TAKEN)) == 1 / 3
    assert known(Placed({"1": "delivered", "2": "not_heard", "3": "busy"}, CHANNELS, TAKEN)) == 1


def test_channels_are_measured_by_their_existence() -> None:
    values = values_of(Placed({}, CHANNELS, TAKEN), channels=2)
    assert values["calls_per_second"] == 3 / 4
    assert values["utilisation"] == pytest.approx(7.5 / 8)
    assert values["turnaround_p50_ms"] == 500
    assert values["peak"] == 2
