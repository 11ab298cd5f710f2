"""The audit trail: who has changed what decides whom is called and who is told, and how."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatcher.domain.vocabulary import Kept
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.work import Work

_OF_THE_ROW = frozenset({"name", "number", "created_at", "updated_at", "added_at", "added_by"})
"""Columns that say who and when, which the event row does itself."""

Members = Mapping[str, Any] | None


def note(work: Work, kept: Kept, key: str, by: str, *, before: Members = None, after: Members = None) -> None:
    """Write down that something was made, changed or deleted, with each member as it was and as it is now.

    Nothing is written where nothing has changed. ``before`` and ``after`` are None where there was, or is,
    nothing of that name.
    """
    name = "created" if before is None else "deleted" if after is None else "changed"
    was, now = _members(before), _members(after)
    differing = [member for member in {**was, **now} if was.get(member) != now.get(member)]
    if name == "changed" and not differing:
        return
    data = {"by": by} | {
        side: {member: members[member] for member in differing if member in members}
        for side, members in (("before", was), ("after", now))
        if members
    }
    what = f": {', '.join(member.replace('_', ' ') for member in differing)}" if name == "changed" else ""
    tell(work, kept, key, name, f"{name} by {by or 'nobody known'}{what}", data)


def tell(work: Work, kept: Kept, key: str, name: str, cause: str, data: dict[str, Any]) -> None:
    """Write one event row of the trail."""
    events.record(work.tx, work.now, [Change(kept, key, name, cause=cause, data=data)])


def _members(row: Members) -> dict[str, Any]:
    """What is told of a row: without what is empty, which is as good as not there."""
    kept = ((name, _plain(value)) for name, value in (row or {}).items() if name not in _OF_THE_ROW)
    return {name: value for name, value in kept if value not in (None, "", [], {}, False)}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
