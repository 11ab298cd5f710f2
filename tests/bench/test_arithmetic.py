"""The benchmarks' arithmetic, on cases small enough to work out by hand."""

import math

import pytest

from bench.arithmetic import (
    Span,
    histogram_quantile,
    most_at_once,
    percentile,
    spread,
    turnarounds,
    utilisation,
)


def spans(*times: tuple[float, float]) -> list[Span]:
    return [Span(str(index), started, ended) for index, (started, ended) in enumerate(times)]


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (90, 9), (99, 10), (100, 10), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == expected


def test_no_values_have_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_the_spread_is_relative_to_the_median() -> None:
    assert spread([90, 100, 120]) == pytest.approx(0.3)
    assert spread([5]) == 0


def test_an_ideal_dialler_fills_every_channel_to_the_last_call() -> None:
    assert utilisation(spans((0, 1), (0, 1), (1, 2), (1, 2)), channels=2) == pytest.approx(1.0)


def test_a_pause_between_calls_is_not_utilised() -> None:
    assert utilisation(spans((0, 1), (0, 1), (3, 4)), channels=2) == pytest.approx(3 / 8)


def test_no_calls_use_nothing() -> None:
    assert utilisation([], channels=2) == 0


def test_the_channel_that_was_freed_first_is_taken_first() -> None:
    gaps = turnarounds(spans((0, 1), (0, 1.5), (1.75, 3), (2, 3)))
    assert gaps == pytest.approx([0.75, 0.5])


def test_a_call_that_takes_a_channel_as_it_is_freed_waits_for_nothing() -> None:
    assert turnarounds(spans((0, 1), (1, 2))) == [0]


def test_the_most_calls_at_once() -> None:
    assert most_at_once(spans((0, 2), (1, 3), (2, 4), (2.5, 2.6))) == 3
    assert most_at_once([]) == 0


def test_a_quantile_lies_in_its_bucket_in_proportion() -> None:
    buckets = {0.01: 10.0, 0.02: 30.0, math.inf: 40.0}
    assert histogram_quantile(buckets, 0.25) == pytest.approx(0.01)
    assert histogram_quantile(buckets, 0.5) == pytest.approx(0.015)
    assert histogram_quantile(buckets, 0.99) == pytest.approx(0.02)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert math.isnan(histogram_quantile({}, 0.5))
    assert math.isnan(histogram_quantile({0.1: 0.0, math.inf: 0.0}, 0.5))
