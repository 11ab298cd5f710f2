"""Who is on call: layers of rotations and calendars, one over the other, and overrides over them all.

Layers are read from the first to the last. One that ``overrides`` takes the place of those before it
for as long as it has somebody on duty; one that ``fills`` counts only where those before it have
nobody; one that is ``added`` is on call beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from dispatcher.domain.rotations import Duty, Rota

_SECOND = timedelta(seconds=1)
_HORIZONS = tuple(timedelta(days=days) for days in (2, 16, 100, 400))
"""How far ahead a hand-over is looked for, step by step."""

Who = tuple[str, ...]
_NOBODY: Who = ()


class Joins(StrEnum):
    """How a layer goes together with those before it."""

    OVERRIDE = "override"
    FILL = "fill"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class Layer:
    """A rota, and how it goes together with the layers before it."""

    rota: Rota
    joins: Joins = Joins.OVERRIDE


@dataclass(frozen=True, slots=True)
class Override:
    """``who`` takes over from ``start`` until before ``end``; without a name nobody does.

    From ``instead_of`` while they are on call, or would be but for an earlier override; or from
    everybody, also where nobody is on call.
    """

    start: datetime
    end: datetime
    who: str | None
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Layers, and overrides in the order in which they were made: of two the later one counts."""

    layers: Sequence[Layer] = ()
    overrides: Sequence[Override] = ()


class Handover(NamedTuple):
    """The instant at which those on call change, and who is on call from then on; empty for nobody."""

    at: datetime
    who: Who


def on_call(schedule: Schedule, at: datetime) -> Who:
    """Who is on call at an instant, in the order in which they are to be called; empty for nobody."""
    return _cover(schedule, at, at + _SECOND)[0].who


def next_handover(schedule: Schedule, at: datetime) -> Handover | None:
    """The first change of those on call after ``at``; None when there is none within some 400 days."""
    for horizon in _HORIZONS:
        cover = _cover(schedule, at, at + horizon)
        if len(cover) > 1:
            return Handover(cover[1].start, cover[1].who)
    return None


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Duty]:
    """Who is on call from ``start`` until ``end``, in order, without the time when nobody is.

    A shift that goes on beyond ``start`` or ``end`` is cut there.
    """
    return [duty for duty in _cover(schedule, start, end) if duty.who]


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Duty]:
    """The stretches between ``start`` and ``end`` in which nobody is on call."""
    return [duty for duty in _cover(schedule, start, end) if not duty.who]


def _cover(schedule: Schedule, start: datetime, end: datetime) -> list[Duty]:
    """The whole time from ``start`` until ``end``, parted wherever those on call change."""
    if start >= end:
        return []
    lines = [(layer.joins, _steps(layer.rota.duties(start, end), start, end)) for layer in schedule.layers]
    overrides = [one for one in schedule.overrides if one.start < end and start < one.end]
    edges = {start, *(at for _, steps in lines for at, _ in steps)}
    edges |= {at for one in overrides for at in (one.start, one.end) if start < at < end}
    ordered = sorted(edges)
    positions = [0] * len(lines)
    cover: list[Duty] = []
    for at, until in zip(ordered, [*ordered[1:], end], strict=True):
        who = _NOBODY
        for index, (joins, steps) in enumerate(lines):
            while positions[index] + 1 < len(steps) and steps[positions[index] + 1][0] <= at:
                positions[index] += 1
            who = _joined(who, steps[positions[index]][1], joins)
        who = _overridden(who, overrides, at)
        if cover and cover[-1].who == who:
            cover[-1] = cover[-1]._replace(end=until)
        else:
            cover.append(Duty(at, until, who))
    return cover


def _steps(duties: Iterable[Duty], start: datetime, end: datetime) -> list[tuple[datetime, Who]]:
    """Who is on duty from each instant on at which that changes; the first of them is ``start``."""
    kept = [duty for duty in duties if duty.start < end and start < duty.end and duty.start < duty.end]
    edges: dict[datetime, tuple[list[int], list[int]]] = {start: ([], [])}
    for number, duty in enumerate(kept):
        edges.setdefault(max(duty.start, start), ([], []))[0].append(number)
        if duty.end < end:
            edges.setdefault(duty.end, ([], []))[1].append(number)
    present: set[int] = set()
    steps = []
    for at, (coming, going) in sorted(edges.items()):
        present = (present - set(going)) | set(coming)
        steps.append((at, _once(name for number in sorted(present) for name in kept[number].who)))
    return steps


def _joined(before: Who, layer: Who, joins: Joins) -> Who:
    if joins is Joins.ADD:
        return _once((*before, *layer))
    if joins is Joins.FILL:
        return before or layer
    return layer or before


def _overridden(who: Who, overrides: Sequence[Override], at: datetime) -> Who:
    """Who is on call when everybody's place is taken by the last override of those that name its people.

    A place is that of whoever is on call by the layers, and of all who have taken over from them: so
    somebody else can be put in for either, whichever of them has been relieved before.
    """
    holders: list[str | None] = list(who)
    known = [{name} for name in who]
    for one in overrides:
        if not one.start <= at < one.end:
            continue
        if one.instead_of is None and not holders:
            holders, known = [None], [set()]
        for place, names in enumerate(known):
            if one.instead_of is None or one.instead_of in names:
                holders[place] = one.who
                names.update(_NOBODY if one.who is None else (one.who,))
    return _once(name for name in holders if name is not None)


def _once(names: Iterable[str]) -> Who:
    return tuple(dict.fromkeys(names))
