"""What is computed from measurements: medians, spreads, percentiles, utilisation, turnarounds."""

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One call on the simulated PBX, in seconds of its monotonic clock."""

    number: str
    started: float
    ended: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` per cent of all do not exceed (nearest rank)."""
    if not values:
        return math.nan
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]


def spread(values: Sequence[float]) -> float:
    """How far the values lie apart: (highest - lowest) / median; 0 for one value."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def utilisation(spans: Sequence[Span], channels: int) -> float:
    """Busy channel time over channels times makespan (first call's start to last call's end)."""
    if not spans:
        return 0.0
    makespan = max(span.ended for span in spans) - min(span.started for span in spans)
    return sum(span.ended - span.started for span in spans) / (channels * makespan) if makespan > 0 else 0.0


def turnarounds(spans: Iterable[Span]) -> list[float]:
    """Seconds from each freed channel to the next call, the channel that was freed first taken first.

    Channels that no further call takes, at the campaign's end, do not count.
    """
    moments = [(span.ended, 0) for span in spans] + [(span.started, 1) for span in spans]
    freed: deque[float] = deque()
    gaps = []
    for moment, starts in sorted(moments):
        if not starts:
            freed.append(moment)
        elif freed:
            gaps.append(moment - freed.popleft())
    return gaps


def most_at_once(spans: Iterable[Span]) -> int:
    """How many calls were up at the same time, at most; one that ends as another starts does not count."""
    moments = [(span.ended, 0) for span in spans] + [(span.started, 1) for span in spans]
    now = most = 0
    for _, starts in sorted(moments):
        now += 1 if starts else -1
        most = max(most, now)
    return most


def histogram_quantile(buckets: Mapping[float, float], quantile: float) -> float:
    """A quantile of cumulative buckets (upper bound → count), within its bucket in proportion.

    As Prometheus does it: the highest finite bound for what lies beyond it; NaN when nothing was counted.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return math.nan
    wanted, below, start = quantile * total, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted and count > below:
            if math.isinf(bound):
                return start
            return start + (bound - start) * (wanted - below) / (count - below)
        below, start = count, bound
    return start
