"""Schedules and their overrides: make, change and delete them."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

from dispatcher.directory.requests import NewSchedule, OverrideSpec, ScheduleSpec
from dispatcher.directory.trail import note, tell
from dispatcher.directory.uses import check_unused
from dispatcher.domain.vocabulary import Kept
from dispatcher.errors import Clash, Fault, Refused, Unknown
from dispatcher.store import people
from dispatcher.store import schedules as store
from dispatcher.store.ids import new_id
from dispatcher.work import Work

LONGEST_OVERRIDE = timedelta(days=366)


def create(work: Work, asked: NewSchedule, by: str = "") -> None:
    """Make a schedule. Raises :class:`Refused`, and :class:`Clash` when the name is taken."""
    columns = _columns(work, asked)
    if not _add(work, asked.name, columns):
        raise Clash(f"there is a schedule named {asked.name!r} already; change it with PUT")
    note(work, Kept.SCHEDULE, asked.name, by, after=columns)


def put(work: Work, name: str, asked: ScheduleSpec, by: str = "") -> bool:
    """Make the schedule, or replace the one of this name; returns whether it is new.

    Its calendar and its overrides stay. Raises :class:`Refused`.
    """
    columns = _columns(work, asked)
    is_new = _add(work, name, columns)
    before = None if is_new else _told(found(work, name, lock=True))
    if not is_new:
        store.change(work.tx, name, columns)
    note(work, Kept.SCHEDULE, name, by, before=before, after=columns)
    return is_new


def remove(work: Work, name: str, by: str = "") -> None:
    """Delete a schedule with its overrides. Raises :class:`Unknown` and :class:`Clash`."""
    row = found(work, name, lock=True)
    check_unused(work.tx, work.core.settings, "schedule", name, work.now)
    store.remove(work.tx, name)
    note(work, Kept.SCHEDULE, name, by, before=_told(row))


def found(work: Work, name: str, *, lock: bool = False) -> Any:
    """The schedule's row. Raises :class:`Unknown`."""
    row = store.find(work.tx, name, lock=lock)
    if row is None:
        raise Unknown("schedule", name)
    return row


def add_override(work: Work, schedule: str, asked: OverrideSpec, client: str) -> str:
    """Let somebody take over for a time; returns the override's id. Raises Unknown and Refused."""
    found(work, schedule, lock=True)
    begin = asked.begin(work.now)
    names = [name for name in (asked.contact, asked.instead_of) if name is not None]
    existing = people.contacts(work.tx, names, lock=True)
    faults = [
        Fault((field,), f"there is no contact named {name!r}")
        for field, name in (("contact", asked.contact), ("instead_of", asked.instead_of))
        if name is not None and name not in existing
    ]
    if asked.ends_at <= begin:
        faults.append(Fault(("ends_at",), f"not after its start, {begin:%Y-%m-%dT%H:%M:%SZ}"))
    elif asked.ends_at <= work.now:
        faults.append(Fault(("ends_at",), f"in the past: it is {work.now:%Y-%m-%dT%H:%M:%SZ}"))
    elif asked.ends_at - begin > LONGEST_OVERRIDE:
        faults.append(Fault(("ends_at",), "an override lasts a year at most; change the layers instead"))
    if faults:
        raise Refused(*faults)
    row = {
        "id": new_id(),
        "schedule": schedule,
        "contact": asked.contact,
        "instead_of": asked.instead_of,
        "starts_at": begin,
        "ends_at": asked.ends_at,
        "why": asked.why,
        "created_by": client,
        "created_at": work.now,
    }
    store.add_override(work.tx, row)
    _tell_of_override(work, row, "override_added", client)
    return str(row["id"])


def remove_override(work: Work, schedule: str, override_id: str, by: str = "") -> None:
    """Delete an override. Raises :class:`Unknown`."""
    found(work, schedule)
    row = store.find_override(work.tx, schedule, override_id)
    if row is None or not store.remove_override(work.tx, schedule, override_id):
        raise Unknown("override", override_id)
    _tell_of_override(work, dict(row._mapping), "override_removed", by)


def _tell_of_override(work: Work, row: Mapping[str, Any], name: str, by: str) -> None:
    who = f"{row['contact'] or 'nobody'} instead of {row['instead_of'] or 'everybody'}"
    begin, end = row["starts_at"].astimezone(UTC), row["ends_at"].astimezone(UTC)
    cause = f"{who} from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, by {by or 'nobody known'}"
    members = {name: row[name] for name in ("id", "contact", "instead_of", "why")}
    times = {"starts_at": begin.isoformat(), "ends_at": end.isoformat()}
    tell(work, Kept.SCHEDULE, row["schedule"], name, cause, {"by": by, **members, **times})


def _told(row: Any) -> dict[str, Any]:
    return {name: row._mapping[name] for name in ("description", "timezone", "layers", "holidays")}


def _add(work: Work, name: str, columns: dict[str, Any]) -> bool:
    return store.add(work.tx, {"name": name, **columns, "calendar_problem": "", "created_at": work.now})


def _columns(work: Work, asked: ScheduleSpec) -> dict[str, Any]:
    members = asked.members()
    existing = people.contacts(work.tx, [name for _, _, name in members], lock=True)
    faults = [
        Fault(("layers", layer, "members", place), f"there is no contact named {name!r}")
        for layer, place, name in members
        if name not in existing
    ]
    if faults:
        raise Refused(*faults)
    return {
        "description": asked.description,
        "timezone": asked.timezone,
        "layers": [layer.document() for layer in asked.layers],
        "holidays": [day.model_dump(mode="json") for day in asked.holidays],
        "updated_at": work.now,
    }
