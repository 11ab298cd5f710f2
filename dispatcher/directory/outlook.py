"""What lies ahead of a schedule: who is on call and next, and the gaps, before they hurt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from dispatcher.directory.rosters import Roster, of_rows
from dispatcher.domain.rotations import Duty
from dispatcher.domain.schedules import Handover, gaps, next_handover, on_call
from dispatcher.store import schedules as store

AHEAD = timedelta(days=7)
"""So far ahead gaps are looked for by themselves."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule at an instant."""

    roster: Roster
    who: tuple[str, ...]
    following: Handover | None
    """The next change of those on call, within some 400 days."""


def standing(roster: Roster, at: datetime) -> Standing:
    """Who is on call at ``at``, and who comes next."""
    return Standing(roster, on_call(roster.schedule, at), next_handover(roster.schedule, at))


def gaps_ahead(roster: Roster, now: datetime) -> list[Duty]:
    """The stretches of the next seven days in which nobody is on call; the last may go on beyond them."""
    return gaps(roster.schedule, now, now + AHEAD)


def warnings(row: Any, roster: Roster, now: datetime) -> list[str]:
    """What somebody should see to before it hurts; ``row`` is the schedule's."""
    found = [_gap(roster, gap, now) for gap in gaps_ahead(roster, now)]
    if len(found) > _SHOWN:
        found = [*found[:_SHOWN], f"and {len(found) - _SHOWN} more gaps within 7 days"]
    if row.calendar_problem:
        kept = f"; that of {roster.local(row.calendar_at)} is kept" if row.calendar_at else ""
        found.append(f"the calendar could not be fetched: {row.calendar_problem}{kept}")
    if roster.calendar is not None:
        strangers = roster.calendar.strangers(now, now + AHEAD)
        if strangers:
            named = ", ".join(repr(one) for one in strangers[:_SHOWN])
            found.append(f"events of the calendar name nobody who is a contact: {named}")
        left_out = roster.calendar.left_out(now, now + AHEAD)
        if left_out:
            named = ", ".join(repr(one) for one in left_out[:_SHOWN])
            found.append(f"events of the calendar name, beside a contact, somebody who is none: {named}")
    return found


def _gap(roster: Roster, gap: Duty, now: datetime) -> str:
    start = "now" if gap.start <= now else roster.local(gap.start)
    if gap.end >= now + AHEAD:
        return f"nobody is on call from {start} for the rest of the next 7 days"
    return f"nobody is on call from {start} until {roster.local(gap.end)}"


def seconds_to_gaps(tx: Connection, now: datetime) -> dict[str, float]:
    """For every schedule the time until nobody is on call: 0 now, at most seven days, for none in sight."""
    rows = store.every(tx)
    return {name: _seconds(roster, now) for name, roster in of_rows(tx, rows, now).items()}


def _seconds(roster: Roster, now: datetime) -> float:
    found: Sequence[Duty] = gaps_ahead(roster, now)
    first = found[0].start if found else now + AHEAD
    return (first - now).total_seconds()


def all_warnings(tx: Connection, now: datetime) -> Iterable[tuple[str, list[str]]]:
    """Every schedule's name with its warnings."""
    rows = store.every(tx)
    found = of_rows(tx, rows, now)
    for row in rows:
        yield row.name, warnings(row, found[row.name], now)
