"""What keeps an open alarm from calling anybody just now: its severity's route and hours, and silences."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.domain.matchers import all_fit
from dispatcher.domain.windows import is_open, next_closing, next_opening
from dispatcher.policies import AlarmPlan
from dispatcher.store.campaigns import windows_from
from dispatcher.store.quiet import labels_of, matchers_from, silences_at


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody is called now. ``until`` is when to look again; None: only when something is changed."""

    why: str
    until: datetime | None = None
    by: str | None = None
    """What holds it, so that its end can be noticed: a silence, another alarm, its group."""


def hold_on(tx: Connection, now: datetime, row: Any, plan: AlarmPlan) -> Hold | None:
    """What holds the alarm ``row`` (columns by name) at ``now``, or None when it may call."""
    return _by_route(now, plan) or _by_silence(tx, now, row)


def _by_route(now: datetime, plan: AlarmPlan) -> Hold | None:
    if plan.record_only:
        return Hold("alarms of this severity are recorded only, by their policy")
    if plan.hours is None:
        return None
    windows = windows_from(window.document() for window in plan.hours)
    opens_at = next_opening(windows, ZoneInfo(plan.timezone), now)
    if opens_at <= now:
        return None
    why = f"alarms of this severity wait for their hours, until {opens_at:%Y-%m-%d %H:%M} UTC"
    return Hold(why, opens_at)


def _by_silence(tx: Connection, now: datetime, row: Any) -> Hold | None:
    """The silence that ends last of those that fit, so that the alarm is looked at once."""
    labels = labels_of(row)
    found = None
    for silence in silences_at(tx, now):
        if not all_fit(matchers_from(silence.matchers), labels):
            continue
        until = _until(silence, now)
        if until is not None and until <= now:
            continue
        if found is None or until is None or (found.until is not None and until > found.until):
            found = Hold(_words(silence, until), until, silence.id)
    return found


def _until(silence: Any, now: datetime) -> datetime | None:
    """When it lets go: at its end, or at the close of the weekly window that is open; now when none is."""
    ends_at: datetime | None = silence.ends_at
    if not silence.windows:
        return ends_at
    windows, zone = windows_from(silence.windows), ZoneInfo(silence.timezone or "UTC")
    if not is_open(windows, zone, now):
        return now
    closes_at = next_closing(windows, zone, now)
    return min(closes_at, ends_at) if ends_at else closes_at


def _words(silence: Any, until: datetime | None) -> str:
    what = "silenced" if silence.kind == "silence" else "under maintenance"
    by = f" by {silence.created_by}" if silence.created_by else ""
    end = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until else ""
    why = f": {silence.why}" if silence.why else ""
    return f"{what}{by}{end}{why}"
