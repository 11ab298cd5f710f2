"""iCalendar texts (RFC 5545) as rotas: whom each event names is on duty while it lasts."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events  # type: ignore[import-untyped]
from icalendar import Calendar, Event

from dispatcher.domain.local_time import instant
from dispatcher.domain.rotations import Duty

_log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000
MOST_EVENTS = 5_000
_TRIED = timedelta(days=400)
_AROUND = timedelta(days=2)
"""So much more is asked of the library, which takes local times and whole days to be UTC: for more than
any zone is away from UTC, and any change of the clock."""
_SEPARATORS = re.compile(r"[,;&+/\n]|\band\b")
_LEVEL = re.compile(r"^\s*\[[^\]]*\]\s*")
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_HOLDS_NO_DUTY = "CANCELLED"
_TIMES = {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What the libraries raise over texts that they can't read."""


class BadCalendar(ValueError):
    """A text that is no calendar that can be used; its message says why."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A calendar that was read. Asking it changes what it remembers, so one thread asks at a time."""

    query: Any
    words: frozenset[str]
    """Everything by which its events name people, in lower case."""
    lock: Lock = field(default_factory=Lock, compare=False)

    def between(self, start: datetime, end: datetime) -> list[Event]:
        """The occurrences of its events that may overlap the time from ``start`` until ``end``, and others.

        What can't be read is left out: whoever asks is about to call somebody.
        """
        try:
            with self.lock:
                found = self.query.between(start - _AROUND, end + _AROUND)
                return [event for event in found if _has_times(event)]
        except _UNREADABLE as error:
            _log.error("the events of a calendar can't be read: %s", _told(error))
            return []


def _has_times(event: Event) -> bool:
    try:
        return event.start <= event.end
    except _UNREADABLE:
        return False


@lru_cache(maxsize=64)
def parsed(text: str) -> Parsed:
    """The calendar. Raises :class:`BadCalendar`."""
    try:
        calendar = Calendar.from_ical(text)
    except _UNREADABLE as error:
        raise BadCalendar(f"not an iCalendar text: {_told(error)}") from None
    if calendar.name != "VCALENDAR":
        raise BadCalendar("not an iCalendar text: it does not begin with BEGIN:VCALENDAR")
    events = list(calendar.walk("VEVENT"))
    _check(events)
    try:
        query = recurring_ical_events.of(calendar, skip_bad_series=True)
    except _UNREADABLE as error:
        raise BadCalendar(f"an event can't be read: {_told(error)}") from None
    return Parsed(query, frozenset(word for event in events for word in _words(event)))


def check(text: str, now: datetime) -> Parsed:
    """The calendar, after every event of the next year has been read. Raises :class:`BadCalendar`."""
    if len(text.encode()) > MOST_BYTES:
        raise BadCalendar(f"larger than {MOST_BYTES} bytes")
    calendar = parsed(text)
    try:
        for event in recurring_ical_events.of(Calendar.from_ical(text)).between(now, now + _TRIED):
            _ = event.start, event.end
    except _UNREADABLE as error:
        raise BadCalendar(f"an event can't be read: {_told(error)}") from None
    return calendar


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _check(events: list[Any]) -> None:
    if len(events) > MOST_EVENTS:
        raise BadCalendar(f"more than {MOST_EVENTS} events")
    for event in events:
        wrong = [name for name, _ in event.errors if str(name).upper() in _TIMES]
        if wrong:
            raise BadCalendar(f"an event can't be read: {wrong[0]} of {_summary(event)!r}")
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            often = [word for word in rule.get("FREQ", []) if str(word).upper() in _TOO_OFTEN]
            if often:
                raise BadCalendar(
                    f"the event {_summary(event)!r} repeats {often[0]}; duties repeat daily or more rarely"
                )


@dataclass(frozen=True, slots=True)
class CalendarRota:
    """The events of a calendar. ``means`` says which contact a name or address (in lower case) means.

    Who attends an event is on duty while it lasts; where no attendee is a contact, its summary names
    them: one contact, or several with commas between. Days without a time are those of ``zone``.
    """

    calendar: Parsed
    zone: ZoneInfo
    means: Mapping[str, str]

    def duties(self, start: datetime, end: datetime) -> Iterator[Duty]:
        """Every event that overlaps the time from ``start`` until ``end`` and names somebody."""
        for event in sorted(self._events(start, end), key=self._begin):
            who = tuple(dict.fromkeys(named(event, self.means)))
            if who:
                yield Duty(self._begin(event), self._end(event), who)

    def strangers(self, start: datetime, end: datetime) -> list[str]:
        """What the events between ``start`` and ``end`` are called that name nobody who is a contact."""
        events = self._events(start, end)
        return sorted(
            {_summary(event) for event in events if _counts(event) and not named(event, self.means)}
        )

    def left_out(self, start: datetime, end: datetime) -> list[str]:
        """The names between ``start`` and ``end`` that mean no contact, in summaries where another does."""
        events = self._events(start, end)
        return sorted({word for event in events if _counts(event) for word in _left_out(event, self.means)})

    def _events(self, start: datetime, end: datetime) -> list[Event]:
        """The occurrences that take some time between ``start`` and ``end``."""
        found = self.calendar.between(start, end)
        return [event for event in found if max(self._begin(event), start) < min(self._end(event), end)]

    def _begin(self, event: Event) -> datetime:
        return self._instant(event.start)

    def _end(self, event: Event) -> datetime:
        return self._instant(event.end)

    def _instant(self, value: date) -> datetime:
        if not isinstance(value, datetime):
            return instant(datetime.combine(value, time()), self.zone)
        if value.tzinfo is None:
            return instant(value, self.zone)
        return value.astimezone(ZoneInfo("UTC"))


def named(event: Event, means: Mapping[str, str]) -> list[str]:
    """The contacts that an event names; none for one that was called off."""
    if not _counts(event):
        return []
    attending = [_first(words, means) for words in _attendees(event)]
    found = [name for name in attending if name is not None]
    if found:
        return found
    whole, *parts = _summary_words(event)
    if whole in means:
        return [means[whole]]
    return [means[part] for part in parts if part in means]


def _left_out(event: Event, means: Mapping[str, str]) -> list[str]:
    """What a summary names beside contacts that is none itself; attendees may well be rooms and guests."""
    if any(_first(words, means) for words in _attendees(event)):
        return []
    whole, *parts = _summary_words(event)
    if whole in means or not any(part in means for part in parts):
        return []
    return [part for part in parts if part not in means]


def _counts(event: Event) -> bool:
    return str(event.get("STATUS", "")).upper() != _HOLDS_NO_DUTY


def _first(words: list[str], means: Mapping[str, str]) -> str | None:
    return next((means[word] for word in words if word in means), None)


def _words(event: Any) -> Iterator[str]:
    for words in _attendees(event):
        yield from words
    yield from _summary_words(event)


def _attendees(event: Any) -> Iterator[list[str]]:
    """For each attendee who has not declined, the address and the name."""
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        if str(attendee.params.get("PARTSTAT", "")).upper() == "DECLINED":
            continue
        address = re.sub("^mailto:", "", str(attendee), flags=re.IGNORECASE)
        yield [word.strip().casefold() for word in (address, str(attendee.params.get("CN", ""))) if word]


def _summary(event: Any) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())


def _summary_words(event: Any) -> list[str]:
    """The summary without a ``[level]`` before it, and then its parts."""
    text = _LEVEL.sub("", str(event.get("SUMMARY", ""))).casefold()
    parts = [part.strip() for part in _SEPARATORS.split(text)]
    return [text.strip(), *(part for part in parts if part)]
