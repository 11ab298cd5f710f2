"""Whom an alarm calls: recipients as people write them become targets that can be dialled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dispatcher.config import Settings
from dispatcher.directory.numbers import e164
from dispatcher.domain.vocabulary import DeliveredWhen, TargetKind
from dispatcher.errors import Fault, Place
from dispatcher.escalation.placing import Placing, Unprovable, check_message
from dispatcher.requests import MessageSpec, Recipient
from dispatcher.store.phones import callee_word


@dataclass(frozen=True, slots=True)
class Rules:
    """What recipients are held against: the configured PBXs, and the country of bare numbers."""

    placing: Placing
    region: str

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """As the configuration has it."""
        return cls(Placing.of(settings), settings.alarms.region)


@dataclass(frozen=True, slots=True)
class Callee:
    """One person to call. ``pbx`` is the only one that may place the call, or None for any."""

    kind: TargetKind
    value: str
    pbx: str | None
    name: str | None = None
    contact: str | None = None
    """The contact whose way to be reached this is."""

    @classmethod
    def from_columns(cls, row: Any) -> "Callee":
        """The reverse of :attr:`columns`, from a page's row."""
        for kind, value in (
            (TargetKind.NUMBER, row.number),
            (TargetKind.EXTENSION, row.extension),
            (TargetKind.USER, row.pbx_user),
        ):
            if value is not None:
                return cls(kind, value, row.pbx, row.name, row.contact)
        raise ValueError("a page without anybody to call")

    @property
    def word(self) -> str:
        """Who is rung, in one word: nobody's phone rings for two alarms at the same time."""
        columns = self.columns
        return callee_word(columns["number"], columns["extension"], columns["pbx_user"], self.pbx)

    @property
    def columns(self) -> dict[str, str | None]:
        """The target's columns of a call."""
        return {
            "number": self.value if self.kind is TargetKind.NUMBER else None,
            "extension": self.value if self.kind is TargetKind.EXTENSION else None,
            "pbx_user": self.value if self.kind is TargetKind.USER else None,
            "pbx": self.pbx,
            "name": self.name,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What the people called are to hear, and what must be proven of their calls."""

    message: MessageSpec
    delivered_when: DeliveredWhen


def callee(way: Recipient, asked: Asked, rules: Rules, contact: str | None = None) -> Callee:
    """A number (in E.164), an extension or a user as somebody who can be dialled. Raises ``ValueError``."""
    kind = TargetKind(way.kind)
    pbx = rules.placing.pbx_for(asked.message, kind, asked.delivered_when, way.pbx)
    return Callee(kind, way.value, pbx, way.name, contact)


def faults_of_message(asked: Asked) -> list[Fault]:
    """What can't be proven of any call with such a message."""
    try:
        check_message(asked.message, asked.delivered_when)
    except Unprovable as error:
        return [Fault(("delivered_when",), str(error))]
    return []


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody who can't be called, and why. ``is_for_now``: another time there may be somebody."""

    index: int
    recipient: Recipient
    why: str
    is_unprovable: bool = False
    is_for_now: bool = False

    def fault(self, place: Place) -> Fault:
        """What is wrong with the request; ``place`` is where its list of recipients stands."""
        if self.is_unprovable:
            return Fault(("delivered_when",), self.why)
        return Fault((*place, self.index, self.recipient.kind), self.why)


def uncallable(to: Sequence[Recipient], asked: Asked, rules: Rules) -> list[LeftOut]:
    """Those numbers, extensions and users in ``to`` that can't be called; contacts and the like are left."""
    found = []
    for index, recipient in enumerate(to):
        if recipient.kind not in tuple(TargetKind):
            continue
        try:
            if recipient.number is not None:
                e164(recipient.number, rules.region)
            callee(recipient, asked, rules)
        except ValueError as error:
            found.append(LeftOut(index, recipient, str(error), isinstance(error, Unprovable)))
    return found
