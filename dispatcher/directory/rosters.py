"""Schedules as they stand in the store, ready to be asked who is on call."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.directory.calendars import BadCalendar, CalendarRota, Parsed, parsed
from dispatcher.directory.layers import LayerSpec
from dispatcher.domain.schedules import Layer, Override, Schedule
from dispatcher.store import people
from dispatcher.store import schedules as store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Roster:
    """A schedule with its name and time zone."""

    name: str
    zone: ZoneInfo
    schedule: Schedule
    calendar: CalendarRota | None = None

    def local(self, at: datetime) -> str:
        """An instant as people of the schedule's place write it."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M} ({self.zone.key})"


def rosters(tx: Connection, names: Iterable[str], since: datetime) -> dict[str, Roster]:
    """Those of the schedules that exist, good for every question about the time from ``since`` on."""
    return of_rows(tx, store.named(tx, names).values(), since)


def of_rows(tx: Connection, rows: Iterable[Any], since: datetime) -> dict[str, Roster]:
    """The schedules of these rows, as :func:`rosters` gives them."""
    by_name = {row.name: row for row in rows}
    overrides = store.overrides(tx, by_name, since)
    calendars = {name: found for name, row in by_name.items() if (found := _calendar(row)) is not None}
    means = people.known_as(tx, [word for calendar in calendars.values() for word in calendar.words])
    return {name: _roster(row, overrides[name], calendars.get(name), means) for name, row in by_name.items()}


def _roster(row: Any, overrides: Iterable[Any], parsed: Parsed | None, means: Mapping[str, str]) -> Roster:
    taken_over = tuple(_override(one) for one in overrides)
    try:
        zone = ZoneInfo(row.timezone)
        calendar = None if parsed is None else CalendarRota(parsed, zone, means)
        return Roster(row.name, zone, Schedule(_layers(row, zone, calendar), taken_over), calendar)
    except (ValueError, LookupError, OSError) as error:
        # It was checked when it was made. An alarm still calls its other recipients, and who took over.
        _log.error("the schedule %s can't be read any more: %s", row.name, type(error).__name__)
        return Roster(row.name, ZoneInfo("UTC"), Schedule((), taken_over))


def _calendar(row: Any) -> Parsed | None:
    if not row.calendar:
        return None
    try:
        return parsed(row.calendar)
    except BadCalendar as error:
        # It was read when it came in, so only a newer version of the library can think otherwise.
        _log.error("the calendar of the schedule %s can't be read any more: %s", row.name, error)
        return None


def _layers(row: Any, zone: ZoneInfo, calendar: CalendarRota | None) -> tuple[Layer, ...]:
    """The layers; a calendar that none of them mentions goes over them all."""
    holidays = _dates(row.holidays)
    specs = [LayerSpec.model_validate(document) for document in row.layers]
    found = [spec.layer(zone, holidays, calendar) for spec in specs]
    if calendar is not None and all(spec.kind != "calendar" for spec in specs):
        found.append(Layer(calendar))
    return tuple(layer for layer in found if layer is not None)


def _dates(holidays: Iterable[Mapping[str, Any]] | None) -> frozenset[date]:
    return frozenset(date.fromisoformat(item["date"]) for item in holidays or ())


def _override(row: Any) -> Override:
    return Override(row.starts_at, row.ends_at, row.contact, row.instead_of)
