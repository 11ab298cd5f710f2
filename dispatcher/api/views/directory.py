"""Contacts, groups and forbidden numbers, as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from dispatcher.directory.requests import LimitsSpec


class ContactView(BaseModel):
    """A person, with the ways to reach them in the order in which they are tried."""

    name: str
    full_name: str | None
    ways: list[dict[str, str]] = Field(examples=[[{"number": "+31612345678"}, {"extension": "1002"}]])
    timezone: str | None
    limits: LimitsSpec
    details: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


def contact_view(row: Any) -> ContactView:
    """A contact's row as it is shown."""
    return ContactView(
        name=row.name,
        full_name=row.full_name,
        ways=row.ways,
        timezone=row.timezone,
        limits=LimitsSpec(per_minute=row.most_per_minute, per_hour=row.most_per_hour),
        details=row.details,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class GroupView(BaseModel):
    """Several contacts under one name."""

    name: str
    description: str
    members: list[str]
    created_at: datetime
    updated_at: datetime


def group_view(row: Any, members: list[str]) -> GroupView:
    """A group's row and its members as they are shown."""
    return GroupView(
        name=row.name,
        description=row.description,
        members=members,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class DoNotCallView(BaseModel):
    """A number that may not be called."""

    number: str = Field(examples=["+31612345678"])
    why: str
    source: str = Field(description="`by hand`, `by a key` or `by an import`.")
    alarms_too: bool = Field(description="Whether alarms leave it out too, and not only campaigns.")
    added_by: str = Field(
        description="The API key's name; who pressed it, where a key of the telephone did it."
    )
    added_at: datetime
    expires_at: datetime | None


def do_not_call_view(row: Any) -> DoNotCallView:
    """An entry's row as it is shown."""
    return DoNotCallView(
        number=row.number,
        why=row.why,
        source=row.source,
        alarms_too=row.alarms_too,
        added_by=row.added_by,
        added_at=row.added_at,
        expires_at=row.expires_at,
    )
