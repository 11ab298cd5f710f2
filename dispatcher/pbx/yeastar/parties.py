"""The parties of a call, as the reports and queries of both API versions name them.

They stand in a list (``call`` in v1.1.0, ``members`` in v2.0.0) whose order has a meaning, or at the top
level of the report. v1.1.0 says ``extid``, ``trunk``, ``outboundid``; v2.0.0 says ``number``, ``trunkname``,
``channelid``, and adds what the party is doing. Old firmware mixes the two.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from dispatcher.domain.reports import Party, PartyKind
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.lenient import pairs_of

_LISTS = ("call", "members")
_MOST = 16

_SHAPES: dict[str, tuple[PartyKind, str, str]] = {
    "ext": (PartyKind.EXTENSION, "extid", ""),
    "inbound": (PartyKind.INBOUND, "from", "inboundid"),
    "outbound": (PartyKind.OUTBOUND, "to", "outboundid"),
}
"""The kind of each party, and where v1.1.0 has its number and the id of its leg."""


class Member(NamedTuple):
    """A party, the number that calls in its name, and its ``memberstatus`` where there is one."""

    party: Party
    caller: str = ""
    status: str = ""


def members_of(data: dict[str, Any]) -> list[Member]:
    """The members of a call in the order in which it names them."""
    found: list[Member] = []
    for name in _LISTS:
        listed = data.get(name)
        if listed.__class__ is list:
            for entry in listed[:_MOST]:
                if isinstance(entry, dict):
                    found.extend(_in(entry))
        elif isinstance(listed, dict):
            found.extend(_in(listed))
    if not _SHAPES.keys().isdisjoint(data):
        found.extend(_in(data))
    return found[:_MOST]


def parties_of(data: dict[str, Any]) -> tuple[Party, ...]:
    """The parties of a call in the order in which it names them."""
    return tuple(member.party for member in members_of(data))


def _in(item: dict[str, Any]) -> Iterator[Member]:
    """The parties of one object, in order; old reports have two of the same name in one object."""
    for key, value in pairs_of(item):
        shape = _SHAPES.get(key)
        if shape is None:
            continue
        kind, number, leg = shape
        for entry in value if isinstance(value, list) else (value,):
            if isinstance(entry, dict):
                yield _member(entry, kind, number, leg)


def _member(entry: dict[str, Any], kind: PartyKind, number: str, leg: str) -> Member:
    status = text(entry.get("memberstatus"))
    channel = text(entry.get("channelid"))
    if kind is PartyKind.EXTENSION:
        own = text(entry.get(number)) or text(entry.get("number"))
        return Member(Party(kind, own, "", channel), own, status)
    trunk = text(entry.get("trunk")) or text(entry.get("trunkname"))
    party = Party(kind, text(entry.get(number)), trunk, text(entry.get(leg)) or channel)
    return Member(party, text(entry.get("from")), status)
