"""What keeps an open alarm from calling anybody just now: its severity's route, and the hours of that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dispatcher.domain.windows import next_opening
from dispatcher.policies import AlarmPlan
from dispatcher.store.campaigns import windows_from


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody is called now. ``until`` is when to look again; None: only when something is changed."""

    why: str
    until: datetime | None = None
    by: str | None = None
    """What holds it, so that its end can be noticed: a silence, another alarm, its group."""


def hold_on(tx: Connection, now: datetime, row: Any, plan: AlarmPlan) -> Hold | None:
    """What holds the alarm ``row`` (columns by name) at ``now``, or None when it may call."""
    return _by_route(now, plan)


def _by_route(now: datetime, plan: AlarmPlan) -> Hold | None:
    if plan.record_only:
        return Hold("alarms of this severity are recorded only, by their policy")
    if plan.hours is None:
        return None
    opens_at = next_opening(windows_from(_documents(plan)), ZoneInfo(plan.timezone), now)
    if opens_at <= now:
        return None
    return Hold(
        f"alarms of this severity wait for their hours, until {opens_at:%Y-%m-%d %H:%M} UTC", opens_at
    )


def _documents(plan: AlarmPlan) -> list[dict[str, Any]]:
    return [window.document() for window in plan.hours or ()]
