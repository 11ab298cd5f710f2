"""Live calls, as ``call/query`` and ``extension/query_call`` list them, with the members of each.

A member that has hung up stands in the list with BYE, and is no part of the call any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import LiveCall
from dispatcher.pbx.yeastar.client import objects, text
from dispatcher.pbx.yeastar.parties import Member, members_of

_GONE = "BYE"


@dataclass(frozen=True, slots=True)
class Live:
    """A call with the members that are still in it; ``is_empty`` when the PBX named none at all."""

    callid: str
    members: Sequence[Member]
    is_empty: bool

    def legs(self, listed_as: PartyKind) -> list[LiveCall]:
        """Its legs outside, each of which holds a channel of a trunk.

        A call without any members, as events show them as well, has one of which nothing else is known.
        """
        if self.is_empty:
            return [LiveCall("", "", "", listed_as, callid=self.callid)]
        return [self._leg(member) for member in self.members if _is_outside(member)]

    @property
    def leading(self) -> LiveCall | None:
        """The leg that stands for the call, an outbound one if there is one; None when it is over."""
        if not self.members:
            return LiveCall("", "", "", PartyKind.EXTENSION, callid=self.callid) if self.is_empty else None
        outbound = (member for member in self.members if member.party.kind is PartyKind.OUTBOUND)
        return self._leg(next(outbound, self.members[0]))

    def leg_of(self, extension: str) -> str:
        """The leg of an extension in this call, or an empty string."""
        for member in self.members:
            if member.party.kind is PartyKind.EXTENSION and member.party.number == extension:
                return member.party.leg
        return ""

    def _leg(self, member: Member) -> LiveCall:
        party = member.party
        return LiveCall(
            party.leg, party.number, party.trunk, party.kind, member.caller, self.callid, member.status
        )


def live_in(listed: Any) -> list[Live]:
    """The calls of a list, oldest first as the PBX gives them."""
    found = []
    for item in objects(listed):
        members = members_of(item)
        there = [member for member in members if member.status.upper() != _GONE]
        found.append(Live(text(item.get("callid")), there, is_empty=not members))
    return found


def legs_of(listed: Mapping[PartyKind, Iterable[Live]]) -> list[LiveCall]:
    """Every leg on every trunk, once, of the calls that were listed as going out or as coming in."""
    found: dict[tuple[str, str], LiveCall] = {}
    for direction, calls in listed.items():
        for call in calls:
            found.update({(leg.callid, leg.leg): leg for leg in call.legs(direction)})
    return list(found.values())


def the_call(callid: str, listed: Iterable[Live]) -> LiveCall | None:
    """The leg that stands for the call of this callid, or None when it is not (any more) in the list."""
    for call in listed:
        if call.callid in ("", callid):
            return call.leading
    return None


def leg_of(extension: str, callid: str, listed: Iterable[Live], endpoint: str) -> str:
    """An extension's leg in the call of this callid; :class:`PbxRefused` ``CALL_OVER`` when it has none.

    The extension may be in other calls besides, and those are not ours to end.
    """
    named = (call for call in listed if callid and call.callid == callid)
    leg = next((leg for call in named if (leg := call.leg_of(extension))), "")
    if not leg:
        raise PbxRefused(Reason.CALL_OVER, f"{endpoint}: the extension is not in this call")
    return leg


def _is_outside(member: Member) -> bool:
    return member.party.kind is not PartyKind.EXTENSION
