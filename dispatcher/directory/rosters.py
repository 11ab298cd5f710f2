"""Schedules as they stand in the store, ready to be asked who is on call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.directory.layers import LayerSpec
from dispatcher.domain.schedules import Layer, Override, Schedule
from dispatcher.store import schedules as store


@dataclass(frozen=True, slots=True)
class Roster:
    """A schedule with its name and time zone."""

    name: str
    zone: ZoneInfo
    schedule: Schedule

    def local(self, at: datetime) -> str:
        """An instant as people of the schedule's place write it."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M} ({self.zone.key})"


def rosters(tx: Connection, names: Iterable[str], since: datetime) -> dict[str, Roster]:
    """Those of the schedules that exist, good for every question about the time from ``since`` on."""
    rows = store.named(tx, names)
    overrides = store.overrides(tx, rows, since)
    return {name: _roster(row, overrides[name]) for name, row in rows.items()}


def _roster(row: Any, overrides: Iterable[Any]) -> Roster:
    zone = ZoneInfo(row.timezone)
    return Roster(row.name, zone, Schedule(_layers(row, zone), tuple(_override(one) for one in overrides)))


def _layers(row: Any, zone: ZoneInfo) -> tuple[Layer, ...]:
    holidays = _dates(row.holidays)
    specs = [LayerSpec.model_validate(document) for document in row.layers]
    found = [spec.layer(zone, holidays, None) for spec in specs]
    return tuple(layer for layer in found if layer is not None)


def _dates(holidays: Iterable[Mapping[str, Any]] | None) -> frozenset[date]:
    return frozenset(date.fromisoformat(item["date"]) for item in holidays or ())


def _override(row: Any) -> Override:
    return Override(row.starts_at, row.ends_at, row.contact, row.instead_of)
