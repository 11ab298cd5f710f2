"""Rotations: several people who take turns, handing over by the clock on the wall."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple, Protocol

from dispatcher.domain.local_time import instant, wall_clock
from dispatcher.domain.spans import Span, joined, within, without
from dispatcher.domain.windows import Window

_DAY = timedelta(days=1)


class Duty(NamedTuple):
    """Those who are on call from ``start`` until before ``end``."""

    start: datetime
    end: datetime
    who: tuple[str, ...]


class Rota(Protocol):
    """Says who is on duty when: a rotation, or the events of a calendar."""

    def duties(self, start: datetime, end: datetime) -> Iterable[Duty]:
        """Every duty that overlaps the time from ``start`` until ``end``; they may overlap each other."""
        ...


@dataclass(frozen=True, slots=True)
class Rotation:
    """``members`` in turn, the first of them from ``first`` on, a local time.

    Hand-overs are counted in local time, so one at 08:00 stays at 08:00 when the clock is changed, and
    the shift that holds the change is an hour shorter or longer. With a ``weekday`` (0 is Monday) the
    first member's turn ends at the first such day after ``first``. Nobody is on duty from ``until`` on.
    """

    members: tuple[str, ...]
    zone: tzinfo
    first: datetime
    period: timedelta
    weekday: int | None = None
    until: datetime | None = None

    def duties(self, start: datetime, end: datetime) -> Iterator[Duty]:
        """Every turn that overlaps the time from ``start`` until ``end``; one member alone has one."""
        last = None if self.until is None else instant(self.until, self.zone)
        if len(self.members) == 1:
            begin, until = self._begin(0), end if last is None else min(last, end)
            if begin < until and start < until:
                yield Duty(begin, until, self.members)
            return
        turn = self._turn_at(start)
        begin = self._begin(turn)
        while begin < end and (last is None or begin < last):
            following = self._begin(turn + 1)
            until = following if last is None else min(following, last)
            if begin < until and start < until:
                yield Duty(begin, until, (self.members[turn % len(self.members)],))
            turn, begin = turn + 1, following

    def _turn_at(self, at: datetime) -> int:
        """The number of the turn that holds ``at``; 0 for whatever is before the first."""
        second = self._second()
        turn = max(0, 1 + (wall_clock(at, self.zone) - second) // self.period)
        while turn > 0 and self._begin(turn) > at:
            turn -= 1
        while self._begin(turn + 1) <= at:
            turn += 1
        return turn

    def _begin(self, turn: int) -> datetime:
        local = self.first if turn == 0 else self._second() + (turn - 1) * self.period
        return instant(local, self.zone)

    def _second(self) -> datetime:
        """The local time of the first hand-over."""
        if self.weekday is None:
            return self.first + self.period
        days = (self.weekday - self.first.weekday()) % 7
        return self.first + (days * _DAY if days else self.period)


class OnHolidays(StrEnum):
    """What a layer does on the schedule's holidays."""

    AS_USUAL = "as_usual"
    SKIP = "skip"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Restricted:
    """A rota that holds only within local ``windows`` (none: always), and not, or only, on holidays.

    A window that runs over midnight belongs to the day on which it begins; a holiday is its own day,
    from midnight to midnight.
    """

    rota: Rota
    zone: tzinfo
    windows: Sequence[Window] = ()
    on_holidays: OnHolidays = OnHolidays.AS_USUAL
    holidays: frozenset[date] = frozenset()

    def duties(self, start: datetime, end: datetime) -> Iterator[Duty]:
        """The parts of the rota's duties within the restriction, between ``start`` and ``end``."""
        asked = Span(start, end)
        spans = list(within(asked, _openings(self.windows, self.zone, asked))) if self.windows else [asked]
        off = joined(_days(self.holidays, self.zone, asked))
        if self.on_holidays is OnHolidays.SKIP:
            spans = [part for span in spans for part in without(span, off)]
        elif self.on_holidays is OnHolidays.ONLY:
            spans = [part for span in spans for part in within(span, off)]
        for duty in self.rota.duties(start, end):
            for part in within(Span(duty.start, duty.end), spans):
                yield Duty(part.start, part.end, duty.who)


def _openings(windows: Sequence[Window], zone: tzinfo, asked: Span) -> list[Span]:
    """The time within ``windows``. Each is open from the first time the clock shows its start until
    the first time after that it shows its end."""
    found = []
    day, last = wall_clock(asked.start, zone).date() - _DAY, wall_clock(asked.end, zone).date()
    while day <= last:
        for window in windows:
            if day.weekday() not in window.days:
                continue
            end_day = day if window.start < window.end else day + _DAY
            start = instant(datetime.combine(day, window.start), zone)
            end = instant(datetime.combine(end_day, window.end), zone)
            if start < end:
                found.append(Span(start, end))
        day += _DAY
    return joined(found)


def _days(days: Iterable[date], zone: tzinfo, asked: Span) -> Iterator[Span]:
    for day in days:
        start = instant(datetime.combine(day, time()), zone)
        end = instant(datetime.combine(day + _DAY, time()), zone)
        if start < end and start < asked.end and asked.start < end:
            yield Span(start, end)
