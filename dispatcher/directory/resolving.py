"""Who is meant: recipients of every kind become people, each once, with the ways to reach them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection

from dispatcher.directory.numbers import e164
from dispatcher.directory.rosters import Roster, rosters
from dispatcher.domain.schedules import next_handover, on_call
from dispatcher.errors import Fault, Place
from dispatcher.requests import Recipient
from dispatcher.store import do_not_call, schedules
from dispatcher.store import people as store

_SHOWN = 20
"""So many names that exist are told to somebody who named another one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls a person takes at most; None: as many as come."""

    per_minute: int | None = None
    per_hour: int | None = None


def limits_of(tx: Connection, contacts: Iterable[str]) -> dict[str, Limits]:
    """The limits of these contacts, by name."""
    rows = store.contacts(tx, contacts)
    return {name: Limits(row.most_per_minute, row.most_per_hour) for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to call. ``ways`` are numbers (in E.164), extensions and users, to be tried in this order."""

    name: str | None
    """For people to read."""
    ways: tuple[Recipient, ...]
    contact: str | None = None
    """The contact's name, where it is one."""
    limits: Limits = Limits()
    timezone: str | None = None
    via: tuple[Recipient, ...] = ()
    """The recipients through which this person was meant."""


class LeftOut(NamedTuple):
    """Somebody who was meant and is not called, or not that way, and why."""

    recipient: Recipient
    why: str
    via: Recipient
    """The recipient that was asked for, through which they were meant."""
    is_for_now: bool = True
    """Whether it is the state of things, and no mistake in what was asked for."""


@dataclass(slots=True)
class Resolved:
    """Everybody who is meant, in the order in which they were named."""

    people: list[Person] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def people(tx: Connection, recipients: Sequence[Recipient], now: datetime, region: str) -> Resolved:
    """Everybody whom ``recipients`` mean at ``now``, each once; ``region`` is for national numbers.

    Groups stand for their contacts, schedules for whoever is on call. A number that may not be called
    even for alarms is left out, and so is its person when there is no other way to reach them.
    """
    found = Resolved()
    meant = list(_contacts_meant(tx, recipients, now, found))
    via: dict[str, list[Recipient]] = {}
    for recipient, name in meant:
        if name is not None:
            via.setdefault(name, []).append(recipient)
    rows = store.contacts(tx, via)
    theirs = {_key(way) for row in rows.values() for way in islice(_ways(row), 1)}
    for recipient, name in meant:
        person = _person(recipient, name, rows, via, theirs, region, found)
        if person is not None:
            found.people.append(person)
    found.people = _once(found.people)
    _leave_out_forbidden(tx, now, found)
    return found


def known(tx: Connection, recipients: Sequence[Recipient], place: Place = ("to",)) -> list[Fault]:
    """What is wrong with the names of contacts, groups and schedules; ``place`` is where the list stands."""
    faults = []
    for kind, existing in _existing(tx, recipients).items():
        names = None
        for index, recipient in enumerate(recipients):
            if recipient.kind == kind and recipient.value not in existing:
                names = names or _names(tx, kind)
                detail = f"there is no {kind} named {recipient.value!r}; there are: {names}"
                faults.append(Fault((*place, index, kind), detail))
    return faults


def _existing(tx: Connection, recipients: Sequence[Recipient]) -> dict[str, set[str]]:
    def of(kind: str) -> list[str]:
        return [one.value for one in recipients if one.kind == kind]

    return {
        "contact": set(store.contacts(tx, of("contact"))),
        "group": set(store.members(tx, of("group"))),
        "schedule": set(schedules.named(tx, of("schedule"))),
    }


def _names(tx: Connection, kind: str) -> str:
    limit = _SHOWN + 1
    names = schedules.some_names(tx, limit) if kind == "schedule" else store.some_names(tx, kind, limit)
    more = ", …" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _contacts_meant(
    tx: Connection, recipients: Sequence[Recipient], now: datetime, found: Resolved
) -> Iterator[tuple[Recipient, str | None]]:
    """Each recipient with a contact that it means; with None where it is a number or the like itself."""
    groups = store.members(tx, [one.value for one in recipients if one.kind == "group"])
    duty = rosters(tx, [one.value for one in recipients if one.kind == "schedule"], now)
    for recipient in recipients:
        if recipient.kind == "contact":
            yield recipient, recipient.value
        elif recipient.kind in ("group", "schedule"):
            is_group = recipient.kind == "group"
            names, why = _of_group(recipient, groups) if is_group else _of_schedule(recipient, duty, now)
            if why:
                is_known = recipient.value in (groups if is_group else duty)
                found.left_out.append(LeftOut(recipient, why, recipient, is_known))
            for name in names:
                yield recipient, name
        else:
            yield recipient, None


def _of_group(recipient: Recipient, groups: Mapping[str, list[str]]) -> tuple[Sequence[str], str]:
    members = groups.get(recipient.value)
    if members is None:
        return (), f"there is no group named {recipient.value!r}"
    return members, "" if members else f"the group {recipient.value!r} has no members"


def _of_schedule(
    recipient: Recipient, duty: Mapping[str, Roster], now: datetime
) -> tuple[Sequence[str], str]:
    roster = duty.get(recipient.value)
    if roster is None:
        return (), f"there is no schedule named {recipient.value!r}"
    who = on_call(roster.schedule, now)
    return who, "" if who else _nobody(roster, now)


def _nobody(roster: Roster, now: datetime) -> str:
    following = next_handover(roster.schedule, now)
    told = f"nobody is on call in the schedule {roster.name!r}"
    if following is None:
        return f"{told}, now or later"
    return f"{told} before {roster.local(following.at)}, when {', '.join(following.who)} comes on call"


def _person(
    recipient: Recipient,
    name: str | None,
    rows: Mapping[str, Any],
    via: Mapping[str, Sequence[Recipient]],
    theirs: set[tuple[str, str, str | None]],
    region: str,
    found: Resolved,
) -> Person | None:
    if name is None:
        return _bare(recipient, theirs, region, found)
    row = rows.get(name)
    if row is None:
        found.left_out.append(LeftOut(recipient, f"there is no contact named {name!r}", recipient, False))
        return None
    limits = Limits(row.most_per_minute, row.most_per_hour)
    return Person(row.full_name or name, tuple(_ways(row)), name, limits, row.timezone, tuple(via[name]))


def _bare(
    recipient: Recipient, theirs: set[tuple[str, str, str | None]], region: str, found: Resolved
) -> Person | None:
    """The one behind a number, extension or user; None when a contact is called by it at first."""
    way = recipient
    if recipient.number is not None:
        try:
            way = recipient.model_copy(update={"number": e164(recipient.number, region)})
        except ValueError as error:
            found.left_out.append(LeftOut(recipient, str(error), recipient, False))
            return None
    if _key(way) in theirs:
        return None
    return Person(recipient.name, (way,), via=(recipient,))


def _ways(row: Any) -> Iterator[Recipient]:
    for way in row.ways:
        yield Recipient(name=row.full_name or row.name, **way)


def _key(way: Recipient) -> tuple[str, str, str | None]:
    return way.kind, way.value, way.pbx


def _once(found: Iterable[Person]) -> list[Person]:
    by_key: dict[object, Person] = {}
    for person in found:
        by_key.setdefault(person.contact or _key(person.ways[0]), person)
    return list(by_key.values())


def _leave_out_forbidden(tx: Connection, now: datetime, found: Resolved) -> None:
    numbers = [way.number for person in found.people for way in person.ways if way.number is not None]
    forbidden = do_not_call.blocked(tx, numbers, now, alarms=True)
    if not forbidden:
        return
    kept = []
    for person in found.people:
        ways = tuple(way for way in person.ways if way.number not in forbidden)
        for way in person.ways:
            if way.number in forbidden:
                reason = forbidden[way.number]
                told = "it is on the do-not-call list, for alarms too" + (f": {reason}" if reason else "")
                found.left_out.append(LeftOut(way, f"{way.number} is not called: {told}", person.via[0]))
        if ways:
            kept.append(Person(person.name, ways, person.contact, person.limits, person.timezone, person.via))
    found.people = kept
