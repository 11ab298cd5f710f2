"""Stretches of time: from an instant until before another one."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple


class Span(NamedTuple):
    """From ``start`` until before ``end``; never empty."""

    start: datetime
    end: datetime


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time as ``spans``, in order; those that touch or overlap are one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def within(span: Span, allowed: Sequence[Span]) -> Iterator[Span]:
    """The parts of ``span`` that lie in one of ``allowed``, which is as :func:`joined` gives it."""
    for other in _touching(span, allowed):
        yield Span(max(span.start, other.start), min(span.end, other.end))


def without(span: Span, taken: Sequence[Span]) -> Iterator[Span]:
    """The parts of ``span`` that lie in none of ``taken``, which is as :func:`joined` gives it."""
    start = span.start
    for other in _touching(span, taken):
        if start < other.start:
            yield Span(start, other.start)
        start = other.end
    if start < span.end:
        yield Span(start, span.end)


def _touching(span: Span, ordered: Sequence[Span]) -> Iterator[Span]:
    """Those that share some time with ``span``."""
    for place in range(bisect_right(ordered, span.start, key=_end), len(ordered)):
        if ordered[place].start >= span.end:
            return
        yield ordered[place]


def _end(span: Span) -> datetime:
    return span.end
