"""Schedules, overrides and shifts, as the API shows them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from dispatcher.api.views.directory import ContactView, contact_view
from dispatcher.directory.outlook import Standing
from dispatcher.domain.rotations import Duty


class CalendarView(BaseModel):
    """A schedule's calendar. A feed's address is a secret, so only its host is shown."""

    feed: str | None = Field(
        description="The feed's host; null for a text that was handed in.", examples=["calendar.example.org"]
    )
    at: datetime | None = Field(description="When the text came in; null before the first fetch.")
    fetched_again_at: datetime | None
    problem: str | None = Field(description="Why the last fetch failed; the text before it is kept.")


class OverrideView(BaseModel):
    """Somebody takes over for a time, or nobody."""

    id: str
    contact: str | None = Field(description="Who takes over; null for nobody.")
    instead_of: str | None
    starts_at: datetime
    ends_at: datetime
    why: str
    created_by: str
    created_at: datetime


class ScheduleSummary(BaseModel):
    """A schedule as lists show it."""

    name: str
    description: str
    timezone: str
    layers: list[dict[str, Any]]
    holidays: list[dict[str, Any]]
    calendar: CalendarView | None
    on_call: list[str] = Field(description="Who is on call now: contacts; empty for nobody.")
    warnings: list[str] = Field(
        description="What should be seen to: gaps of the next seven days, and trouble with the calendar.",
        examples=[["nobody is on call from 2026-11-23 08:00 (Europe/Amsterdam) until …"]],
    )
    created_at: datetime
    updated_at: datetime


class ScheduleView(ScheduleSummary):
    """A schedule with its overrides that are not over."""

    overrides: list[OverrideView]


class HandoverView(BaseModel):
    """The next change of those on call."""

    at: datetime
    contacts: list[ContactView] = Field(description="Who is on call from then on; empty for nobody.")


class OnCallView(BaseModel):
    """Who is on call at an instant, and who comes next."""

    schedule: str
    at: datetime
    timezone: str
    contacts: list[ContactView] = Field(
        description="Who is on call, in the order in which they are called; empty for nobody."
    )
    until: datetime | None = Field(description="The next change; null when there is none for a year.")
    next: HandoverView | None


class ShiftView(BaseModel):
    """A stretch of time with the same people on call; in `gaps`, with nobody."""

    start: datetime
    end: datetime
    contacts: list[str]


def calendar_view(row: Any) -> CalendarView | None:
    """The calendar of a schedule's row, or None."""
    if row.calendar is None and row.calendar_url is None:
        return None
    return CalendarView(
        feed=None if row.calendar_url is None else urlsplit(row.calendar_url).hostname,
        at=row.calendar_at,
        fetched_again_at=row.calendar_due_at,
        problem=row.calendar_problem or None,
    )


def override_view(row: Any) -> OverrideView:
    """An override's row as it is shown."""
    return OverrideView(
        id=row.id,
        contact=row.contact,
        instead_of=row.instead_of,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        why=row.why,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def schedule_summary(row: Any, who: Iterable[str], warnings: list[str]) -> ScheduleSummary:
    """A schedule's row as lists show it."""
    return ScheduleSummary(
        name=row.name,
        description=row.description,
        timezone=row.timezone,
        layers=row.layers,
        holidays=row.holidays or [],
        calendar=calendar_view(row),
        on_call=list(who),
        warnings=warnings,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def schedule_view(summary: ScheduleSummary, overrides: Iterable[Any]) -> ScheduleView:
    """A schedule with its overrides."""
    return ScheduleView(**dict(summary), overrides=[override_view(row) for row in overrides])


def on_call_view(standing: Standing, at: datetime, contacts: Mapping[str, Any]) -> OnCallView:
    """Who is on call; ``contacts`` are the rows of all who are named. Those who are gone are left out."""

    def shown(who: Iterable[str]) -> list[ContactView]:
        return [contact_view(contacts[name]) for name in who if name in contacts]

    following = standing.following
    return OnCallView(
        schedule=standing.roster.name,
        at=at,
        timezone=standing.roster.zone.key,
        contacts=shown(standing.who),
        until=None if following is None else following.at,
        next=None if following is None else HandoverView(at=following.at, contacts=shown(following.who)),
    )


def shift_view(duty: Duty) -> ShiftView:
    """A shift or a gap as it is shown."""
    return ShiftView(start=duty.start, end=duty.end, contacts=list(duty.who))
