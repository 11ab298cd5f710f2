"""The people of a step, sorted into lines: who is called at the same time, and who after whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from dispatcher.directory.resolving import Person, known, people
from dispatcher.errors import Place, Refused
from dispatcher.escalation.placing import Unprovable
from dispatcher.escalation.recipients import (
    Asked,
    Callee,
    LeftOut,
    Rules,
    callee,
    faults_of_message,
)
from dispatcher.policies import Mode
from dispatcher.requests import Recipient


@dataclass(slots=True)
class Lines:
    """Whom a step calls: lines of people who are called one after the other, and who is left out."""

    lines: list[list[Callee]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    left_alone: list[Callee] = field(default_factory=list)
    """Who could be called, but has handed the alarm on in this round."""


def lines_of(
    tx: Connection, now: datetime, to: Sequence[Recipient], mode: Mode, asked: Asked, rules: Rules
) -> Lines:
    """Sort the recipients of a step out. Everybody is called once, however often they are named.

    A person who can be reached in several ways is a line of their own, or a part of the one line of a hunt.
    """
    resolved = people(tx, to, now, rules.region)
    found = Lines()
    for one in resolved.left_out:
        found.left_out.append(LeftOut(to.index(one.via), one.recipient, one.why, is_for_now=one.is_for_now))
    lines = [_ways(to, person, asked, rules, found.left_out) for person in resolved.people]
    # A telephone that several share is rung for the one who is to be tried by it first.
    owners: dict[str, int] = {}
    by_turn = ((turn, number, way) for number, line in enumerate(lines) for turn, way in enumerate(line))
    for _, number, way in sorted(by_turn, key=lambda one: one[:2]):
        owners.setdefault(way.word, number)
    for number, line in enumerate(lines):
        own = {way.word: way for way in reversed(line) if owners[way.word] == number}
        if own:
            found.lines.append(list(reversed(own.values())))
    if mode is Mode.HUNT and found.lines:
        found.lines = [[way for line in found.lines for way in line]]
    return found


def _ways(
    to: Sequence[Recipient], person: Person, asked: Asked, rules: Rules, left_out: list[LeftOut]
) -> list[Callee]:
    """The ways in which a person can be called; they are left out only when there is none."""
    ways, error = [], None
    for way in person.ways:
        try:
            ways.append(callee(way, asked, rules, person.contact))
        except ValueError as problem:
            error = error or problem
    if not ways and error is not None:
        via = person.via[0]
        left_out.append(LeftOut(to.index(via), via, str(error), isinstance(error, Unprovable)))
    return ways


def lines_or_refused(
    tx: Connection, now: datetime, to: Sequence[Recipient], asked: Asked, rules: Rules, place: Place
) -> Lines:
    """The lines of recipients whom the sender has named, who is told of each that can't be called.

    Raises :class:`Refused`. That nobody of a schedule is on call just now is no fault of the sender's.
    """
    unknown = known(tx, to, place)
    found = lines_of(tx, now, to, Mode.PARALLEL, asked, rules)
    wrong = [one.fault(place) for one in found.left_out if not one.is_for_now]
    faults = [*faults_of_message(asked), *unknown, *wrong]
    if faults:
        # Of two faults at one place the first says more.
        by_place = {fault.place: fault for fault in reversed(faults)}
        raise Refused(*(fault for fault in dict.fromkeys(faults) if by_place[fault.place] is fault))
    return found
