"""The calls that are measured, and how well each way of placing them did, by Asterisk's own view."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.arithmetic import Span, most_at_once, percentile, turnarounds, utilisation
from tests.asterisk.phones import Taken, number_of
from tests.asterisk.records import Interval

MIX = (
    *(["measured, presses 1"] * 3),
    "is busy",
    *(["measured, presses 1"] * 2),
    "hangs up early",
    *(["measured, presses 1"] * 2),
    "presses 9",
)
"""What the callees do, over and over; most of them press 1 after a second."""


def numbers(count: int) -> list[str]:
    """So many different numbers, whose callees do what the mix says."""
    return [number_of(MIX[index % len(MIX)], index) for index in range(count)]


@dataclass(frozen=True, slots=True)
class Placed:
    """One way of placing the calls, and what came of it. ``words`` is what it says of each number's call."""

    words: Mapping[str, str]
    channels: Sequence[Interval]
    taken: Mapping[str, Sequence[Taken]]


def truth_of(call: Taken) -> str:
    """What became of a call, as the phone itself saw it."""
    if call.refusal:
        return f"refused {call.refusal}"
    return f"answered, keys {call.keys or 'none'}" if call.answered else "not answered"


def known(placed: Placed) -> float:
    """The share of calls whose word says what became of them: a word that stands for one thing only."""
    truths = {number: truth_of(calls[0]) for number, calls in placed.taken.items()}
    meanings: dict[str, set[str]] = defaultdict(set)
    for number, truth in truths.items():
        meanings[placed.words.get(number, "")].add(truth)
    clear = [number for number in truths if len(meanings[placed.words.get(number, "")]) == 1]
    return len(clear) / len(truths)


def values_of(placed: Placed, channels: int) -> dict[str, float]:
    """Calls per second, utilisation, the time from a freed channel to the next call, and what is known."""
    spans = [Span(one.uniqueid, one.begin, one.end) for one in placed.channels if one.end is not None]
    makespan = max(span.ended for span in spans) - min(span.started for span in spans)
    gaps = turnarounds(spans)
    return {
        "calls_per_second": len(spans) / makespan,
        "utilisation": utilisation(spans, channels),
        "turnaround_p50_ms": 1000 * percentile(gaps, 50),
        "turnaround_p99_ms": 1000 * percentile(gaps, 99),
        "peak": most_at_once(spans),
        "outcomes_known": known(placed),
    }
