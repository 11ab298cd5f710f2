"""What Prometheus reads: the catalogue's metrics from their totals in the store, and gauges of now.

Nothing is counted in this process, so one process shows what all of them did, and a restart loses
nothing.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from dispatcher.metrics.catalogue import COUNTERS, HISTOGRAMS, Counter, Histogram

Labels = tuple[str, ...]
Totals = dict[str, dict[Labels, float]]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value of now, for every set of labels."""

    name: str
    labels: Labels
    help: str
    values: Mapping[Labels, float] = field(default_factory=dict)


def by_name(rows: Iterable[tuple[str, str, float]]) -> Totals:
    """The store's rows (name, label values as JSON, total) as totals by name and labels."""
    totals: Totals = {}
    for name, labels, value in rows:
        totals.setdefault(name, {})[tuple(json.loads(labels))] = value
    return totals


def families(
    totals: Totals, known: Mapping[str, Iterable[Labels]], gauges: Iterable[Gauge]
) -> Iterator[Metric]:
    """Every metric. The label sets that are ``known`` beforehand are there from the start, at zero."""
    for counter in COUNTERS:
        yield _counter(counter, totals, known.get(counter.name, ()))
    for histogram in HISTOGRAMS:
        yield _histogram(histogram, totals, known.get(histogram.name, ()))
    for gauge in gauges:
        yield _gauge(gauge)


def _counter(counter: Counter, totals: Totals, known: Iterable[Labels]) -> Metric:
    family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
    values = dict.fromkeys(known, 0.0) | totals.get(counter.name, {})
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(histogram: Histogram, totals: Totals, known: Iterable[Labels]) -> Metric:
    """The store holds how many fell into each bucket by itself; Prometheus wants them added up."""
    family = HistogramMetricFamily(histogram.name, histogram.help, labels=histogram.labels)
    sums = dict.fromkeys(known, 0.0) | totals.get(f"{histogram.name}_sum", {})
    counted = totals.get(f"{histogram.name}_bucket", {})
    series: dict[Labels, list[float]] = {
        labels: [0.0] * (len(histogram.buckets) + 1) for labels in {*sums, *(key[:-1] for key in counted)}
    }
    for (*labels, bound), value in counted.items():
        series[tuple(labels)][bisect_left(histogram.buckets, float(bound))] += value
    for key, counts in sorted(series.items()):
        family.add_metric(key, _cumulative(histogram, counts), sums.get(key, 0.0))
    return family


def _cumulative(histogram: Histogram, counts: list[float]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in histogram.buckets), "+Inf"]
    total = 0.0
    buckets = []
    for bound, number in zip(bounds, counts, strict=True):
        total += number
        buckets.append((bound, total))
    return buckets


def _gauge(gauge: Gauge) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
    for labels, value in sorted(gauge.values.items()):
        family.add_metric(labels, value)
    return family


class _Once(Collector):
    """Hands one scrape's families to the library's registry."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """The families."""
        return self._metrics


def exposition(metrics: Iterable[Metric], accept: str) -> tuple[bytes, str]:
    """The metrics in the format that the scraper accepts, and that format's content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(list(metrics)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
