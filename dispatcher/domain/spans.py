"""Stretches of time: from an instant until before another one."""

from collections.abc import Iterable, Iterator
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


def within(span: Span, allowed: list[Span]) -> Iterator[Span]:
    """The parts of ``span`` that lie in one of ``allowed``, which is as :func:`joined` gives it."""
    for other in allowed:
        start, end = max(span.start, other.start), min(span.end, other.end)
        if start < end:
            yield Span(start, end)


def without(span: Span, taken: list[Span]) -> Iterator[Span]:
    """The parts of ``span`` that lie in none of ``taken``, which is as :func:`joined` gives it."""
    start = span.start
    for other in taken:
        if other.end <= start or other.start >= span.end:
            continue
        if start < other.start:
            yield Span(start, other.start)
        start = other.end
    if start < span.end:
        yield Span(start, span.end)
