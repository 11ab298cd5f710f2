"""Contacts and groups: make, change and delete them."""

from collections.abc import Sequence
from typing import Any

from dispatcher.directory.numbers import e164
from dispatcher.directory.requests import ContactGroupSpec, ContactSpec, NewContact, NewContactGroup, WaySpec
from dispatcher.directory.trail import note
from dispatcher.directory.uses import check_unused
from dispatcher.domain.vocabulary import Kept
from dispatcher.errors import Clash, Fault, Refused, Unknown
from dispatcher.store import people, schedules
from dispatcher.work import Work


def create_contact(work: Work, asked: NewContact, by: str = "") -> None:
    """Make a contact. Raises :class:`Refused`, and :class:`Clash` when the name is taken."""
    columns = _columns(work, asked)
    if not people.add_contact(work.tx, {"name": asked.name, **columns, "created_at": work.now}):
        raise Clash(f"there is a contact named {asked.name!r} already; change it with PUT")
    note(work, Kept.CONTACT, asked.name, by, after=columns)


def put_contact(work: Work, name: str, asked: ContactSpec, by: str = "") -> bool:
    """Make or replace the contact of this name; returns whether it is new. Raises :class:`Refused`."""
    columns = _columns(work, asked)
    is_new = people.add_contact(work.tx, {"name": name, **columns, "created_at": work.now})
    before = None if is_new else _row(people.find_contact(work.tx, name, lock=True))
    if not is_new:
        people.change_contact(work.tx, name, columns)
    note(work, Kept.CONTACT, name, by, before=before, after=columns)
    return is_new


def remove_contact(work: Work, name: str, by: str = "") -> None:
    """Delete a contact. Raises :class:`Unknown`, and :class:`Clash` with what still needs it."""
    row = people.find_contact(work.tx, name, lock=True)
    if row is None:
        raise Unknown("contact", name)
    check_unused(work.tx, work.core.settings, "contact", name, work.now)
    schedules.forget_overrides(work.tx, name)
    people.remove_contact(work.tx, name)
    note(work, Kept.CONTACT, name, by, before=_row(row))


def _row(row: Any) -> dict[str, Any] | None:
    return None if row is None else dict(row._mapping)


def _columns(work: Work, asked: ContactSpec) -> dict[str, Any]:
    settings = work.core.settings
    faults: list[Fault] = []
    pbxes = [pbx.name for pbx in settings.pbx]
    ways = [_way(spec, settings.alarms.region, pbxes, place, faults) for place, spec in enumerate(asked.ways)]
    if faults:
        raise Refused(*faults)
    return {
        "full_name": asked.full_name,
        "ways": ways,
        "timezone": asked.timezone,
        "most_per_minute": asked.limits.per_minute,
        "most_per_hour": asked.limits.per_hour,
        "details": asked.details,
        "updated_at": work.now,
    }


def _way(spec: WaySpec, region: str, pbxes: Sequence[str], place: int, faults: list[Fault]) -> dict[str, str]:
    """The way as it is stored, its number in E.164; adds what is wrong with it to ``faults``."""
    way: dict[str, str] = spec.model_dump(exclude_none=True)
    if spec.number is not None:
        try:
            way["number"] = e164(spec.number, region)
        except ValueError as error:
            faults.append(Fault(("ways", place, "number"), str(error)))
    if spec.pbx is not None and spec.pbx not in pbxes:
        known = ", ".join(pbxes) or "none"
        faults.append(Fault(("ways", place, "pbx"), f"no PBX is named {spec.pbx!r}; there are: {known}"))
    return way


def create_group(work: Work, asked: NewContactGroup, by: str = "") -> None:
    """Make a group. Raises :class:`Refused`, and :class:`Clash` when the name is taken."""
    _check_members(work, asked)
    if not _add_group(work, asked.name, asked):
        raise Clash(f"there is a group named {asked.name!r} already; change it with PUT")
    people.set_members(work.tx, asked.name, asked.members)
    note(work, Kept.GROUP, asked.name, by, after=asked.model_dump())


def put_group(work: Work, name: str, asked: ContactGroupSpec, by: str = "") -> bool:
    """Make the group, or replace the one of this name; returns whether it is new. Raises :class:`Refused`."""
    _check_members(work, asked)
    is_new = _add_group(work, name, asked)
    before = None if is_new else _group(work, name)
    if not is_new:
        people.change_group(work.tx, name, {"description": asked.description, "updated_at": work.now})
    people.set_members(work.tx, name, asked.members)
    note(work, Kept.GROUP, name, by, before=before, after=asked.model_dump())
    return is_new


def remove_group(work: Work, name: str, by: str = "") -> None:
    """Delete a group. Raises :class:`Unknown`, and :class:`Clash` with what still needs it."""
    before = _group(work, name)
    if before is None:
        raise Unknown("group", name)
    check_unused(work.tx, work.core.settings, "group", name, work.now)
    people.remove_group(work.tx, name)
    note(work, Kept.GROUP, name, by, before=before)


def _group(work: Work, name: str) -> dict[str, Any] | None:
    row = _row(people.find_group(work.tx, name, lock=True))
    return None if row is None else row | {"members": people.members(work.tx, [name])[name]}


def _add_group(work: Work, name: str, asked: ContactGroupSpec) -> bool:
    made = {"created_at": work.now, "updated_at": work.now}
    return people.add_group(work.tx, {"name": name, "description": asked.description, **made})


def _check_members(work: Work, asked: ContactGroupSpec) -> None:
    existing = people.contacts(work.tx, asked.members, lock=True)
    faults = [
        Fault(("members", place), f"there is no contact named {name!r}")
        for place, name in enumerate(asked.members)
        if name not in existing
    ]
    if faults:
        raise Refused(*faults)
