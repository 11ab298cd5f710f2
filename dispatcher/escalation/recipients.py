"""Whom an alarm calls: recipients as people write them become targets that can be dialled."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatcher.domain.vocabulary import DeliveredWhen, TargetKind
from dispatcher.errors import Fault, Place, Refused
from dispatcher.escalation.placing import Placing, Unplaceable, Unprovable, check_message
from dispatcher.numbers import e164
from dispatcher.requests import MessageSpec, Recipient


@dataclass(frozen=True, slots=True)
class Callee:
    """One person to call. ``pbx`` is the only one that may place the call, or None for any."""

    kind: TargetKind
    value: str
    pbx: str | None
    name: str | None = None

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


def callees(
    to: Sequence[Recipient], asked: Asked, placing: Placing, region: str, place: Place
) -> list[Callee]:
    """Everyone in ``to``, once each. ``region`` is the country of numbers without a country code.

    Raises :class:`Refused` with every entry that can't be called; ``place`` is where the list stands.
    """
    found, left_out = _sorted(to, asked, placing, region)
    faults = [*_of_message(asked), *(one.fault(place) for one in left_out)]
    if faults:
        raise Refused(*dict.fromkeys(faults))
    return found


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Somebody who can't be called, and why."""

    index: int
    recipient: Recipient
    error: ValueError

    def fault(self, place: Place) -> Fault:
        """What is wrong with the request; ``place`` is where its list of recipients stands."""
        if isinstance(self.error, Unprovable):
            return Fault(("delivered_when",), str(self.error))
        return Fault((*place, self.index, self.recipient.kind), str(self.error))


def callable_ones(
    to: Sequence[Recipient], asked: Asked, placing: Placing, region: str, place: Place
) -> tuple[list[Callee], list[LeftOut]]:
    """As :func:`callees`, but calls those who can be called and tells of the others.

    For the recipients of a policy, whose mistakes the sender of an alarm can't mend. Raises
    :class:`Refused` when nobody can be called.
    """
    found, left_out = _sorted(to, asked, placing, region)
    if not found or _of_message(asked):
        return callees(to, asked, placing, region, place), []
    return found, left_out


def _sorted(
    to: Sequence[Recipient], asked: Asked, placing: Placing, region: str
) -> tuple[list[Callee], list[LeftOut]]:
    found: dict[tuple[TargetKind, str, str | None], Callee] = {}
    left_out = []
    for index, recipient in enumerate(to):
        try:
            callee = _callee(recipient, asked, placing, region)
        except ValueError as error:
            left_out.append(LeftOut(index, recipient, error))
            continue
        found.setdefault((callee.kind, callee.value, callee.pbx), callee)
    return list(found.values()), left_out


def _of_message(asked: Asked) -> list[Fault]:
    try:
        check_message(asked.message, asked.delivered_when)
    except Unprovable as error:
        return [Fault(("delivered_when",), str(error))]
    return []


def _callee(recipient: Recipient, asked: Asked, placing: Placing, region: str) -> Callee:
    if recipient.kind in ("contact", "group", "schedule"):
        raise Unplaceable(f"there is no {recipient.kind} named {recipient.value!r}")
    kind = TargetKind(recipient.kind)
    value = e164(recipient.value, region) if kind is TargetKind.NUMBER else recipient.value
    pbx = placing.pbx_for(asked.message, kind, asked.delivered_when, recipient.pbx)
    return Callee(kind, value, pbx, recipient.name)
