"""Whom alarms can name: contacts, groups, schedules and policies; and whom nobody may call."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Text
from sqlmodel import Field, SQLModel

from dispatcher.store.tables.columns import instant, json_column, reference


class Contact(SQLModel, table=True):
    """A person, with the ways to reach them in the order in which they are tried."""

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint("most_per_minute IS NULL OR most_per_minute >= 1", name="ck_contacts_per_minute"),
        CheckConstraint("most_per_hour IS NULL OR most_per_hour >= 1", name="ck_contacts_per_hour"),
    )

    name: str = Field(primary_key=True)
    full_name: str | None = None
    ways: list[dict[str, Any]] | None = json_column(nullable=False)
    """Each ``{"number": …}``, ``{"extension": …, "pbx": …}`` or ``{"user": …, "pbx": …}``."""
    timezone: str | None = None
    most_per_minute: int | None = None
    most_per_hour: int | None = None
    """So many calls for alarms at most; empty where only the general limit holds."""
    details: dict[str, Any] | None = json_column()
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class ContactGroup(SQLModel, table=True):
    """Several contacts under one name."""

    __tablename__ = "contact_groups"

    name: str = Field(primary_key=True)
    description: str = ""
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class GroupMember(SQLModel, table=True):
    """A contact's place in a group."""

    __tablename__ = "group_members"

    group_name: str = Field(
        sa_column=Column(Text, ForeignKey("contact_groups.name", ondelete="CASCADE"), primary_key=True)
    )
    position: int = Field(primary_key=True)
    contact: str = Field(sa_column=Column(Text, ForeignKey("contacts.name"), nullable=False))


class Schedule(SQLModel, table=True):
    """Who is on call when. ``layers`` and ``holidays`` are in the words of the API."""

    __tablename__ = "schedules"

    name: str = Field(primary_key=True)
    description: str = ""
    timezone: str
    layers: list[dict[str, Any]] | None = json_column(nullable=False)
    holidays: list[dict[str, Any]] | None = json_column()
    calendar_url: str | None = None
    """Where an iCalendar feed is fetched from; empty where none is, or where the text was handed in."""
    calendar: str | None = None
    """The iCalendar text itself, as last fetched or handed in."""
    calendar_at: datetime | None = instant()
    """When the text is from."""
    calendar_due_at: datetime | None = instant()
    """When the feed is to be fetched again."""
    calendar_problem: str = ""
    """Why it could not be fetched last time; the text that is kept is that of the time before."""
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class ScheduleOverride(SQLModel, table=True):
    """Somebody who takes over for a time, or nobody: for one contact, or for whoever is on call."""

    __tablename__ = "schedule_overrides"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ck_schedule_overrides_times"),
        Index("ix_schedule_overrides_schedule", "schedule", "ends_at"),
    )

    id: str = Field(primary_key=True)
    schedule: str = reference("schedules.name", nullable=False)
    contact: str | None = Field(
        default=None, sa_column=Column(Text, ForeignKey("contacts.name"), nullable=True)
    )
    instead_of: str | None = None
    starts_at: datetime = instant(nullable=False)
    ends_at: datetime = instant(nullable=False)
    why: str = ""
    created_by: str = ""
    created_at: datetime = instant(nullable=False)


class Policy(SQLModel, table=True):
    """A notification policy that was made through the API; ``document`` is as the API takes it."""

    __tablename__ = "policies"

    name: str = Field(primary_key=True)
    document: dict[str, Any] | None = json_column(nullable=False)
    created_at: datetime = instant(nullable=False)
    updated_at: datetime = instant(nullable=False)


class DoNotCall(SQLModel, table=True):
    """A number, in E.164, that campaigns may not call; nor alarms, where ``alarms_too`` says so."""

    __tablename__ = "do_not_call"
    __table_args__ = (Index("ix_do_not_call_added", "added_at"),)

    number: str = Field(primary_key=True)
    why: str = ""
    source: str = ""
    """How it came here: by hand, by a key, by an import."""
    alarms_too: bool = False
    added_by: str = ""
    added_at: datetime = instant(nullable=False)
    expires_at: datetime | None = instant()
