"""Counting in memory, to be written to the store in the transaction of what is counted."""

import json
import threading
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache

from dispatcher.metrics.catalogue import Counter, Histogram

Increments = dict[tuple[str, str], float]


@lru_cache(maxsize=10_000)
def series(name: str, labels: tuple[str, ...]) -> tuple[str, str]:
    """The key of one series: the metric's name and its label values."""
    return name, json.dumps(labels, separators=(",", ":"))


class Count:
    """Increments of one transaction."""

    def __init__(self) -> None:
        self.increments: Increments = defaultdict(float)

    def add(self, counter: Counter, *labels: str, by: float = 1.0) -> None:
        """Count ``by`` on the series with these label values, in the counter's order."""
        self.increments[series(counter.name, labels)] += by

    def observe(self, histogram: Histogram, seconds: float, *labels: str) -> None:
        """Put one observation into its bucket."""
        place = bisect_left(histogram.buckets, seconds)
        bound = str(histogram.buckets[place]) if place < len(histogram.buckets) else "+Inf"
        self.increments[series(f"{histogram.name}_bucket", (*labels, bound))] += 1
        self.increments[series(f"{histogram.name}_sum", labels)] += max(0.0, seconds)


class SharedCount:
    """Increments of a whole process that belong to no transaction, taken from time to time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._count = Count()

    def add(self, counter: Counter, *labels: str, by: float = 1.0) -> None:
        """Thread-safe :meth:`Count.add`."""
        with self._guard:
            self._count.add(counter, *labels, by=by)

    def observe(self, histogram: Histogram, seconds: float, *labels: str) -> None:
        """Thread-safe :meth:`Count.observe`."""
        with self._guard:
            self._count.observe(histogram, seconds, *labels)

    def take(self) -> Increments:
        """All increments since the last time; the caller writes them to the store."""
        with self._guard:
            taken, self._count = self._count.increments, Count()
        return taken

    def give_back(self, increments: Increments) -> None:
        """Keep increments that could not be written for the next time."""
        with self._guard:
            for key, by in increments.items():
                self._count.increments[key] += by
