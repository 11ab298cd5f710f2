"""Whose a channel is: ours or somebody else's, on which trunk or of which extension.

A channel is named after its endpoint: a call over ``PJSIP/{number}@provider`` is ``PJSIP/provider-0000001b``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatcher.domain.reports import Party, PartyKind
from dispatcher.pbx.asterisk.wire import Block

ACCOUNT = "dispatcher"
"""The account code of every call that is originated, by which its events are known."""

NUMBER, EXTENSION = "{number}", "{extension}"

_GENERATED = re.compile(r"(.*-)?\d{9,11}\.\d+")
"""An id that Asterisk itself gives: its name for the system, its clock, and a count."""

_COUNT = re.compile(r"-[0-9a-f]{8}(;[12])?$")


def endpoint_of(channel: str) -> str:
    """``PJSIP/provider`` for the channel ``PJSIP/provider-0000001b``."""
    return _COUNT.sub("", channel)


def endpoint_in(dial: str) -> str:
    """The endpoint of a dial string with its place for the number, empty where it can't be told.

    ``PJSIP/{number}@provider``, ``PJSIP/provider/sip:{number}@host`` and ``IAX2/provider/{number}`` name it.
    """
    tech, _, rest = dial.partition("/")
    if tech == "Local":
        return ""
    before, _, after = rest.partition(NUMBER)
    name = (before if "/" in before else after.partition("@")[2]).partition("/")[0]
    return f"{tech}/{name}" if name else ""


def is_own_id(uniqueid: str) -> bool:
    """Whether a channel's id was given by whoever originated it, and not by Asterisk."""
    return bool(uniqueid) and _GENERATED.fullmatch(uniqueid) is None


@dataclass(frozen=True, slots=True)
class Channels:
    """The trunks of one PBX by their endpoints, and the endpoint of its extensions."""

    trunks: Mapping[str, str]
    """The configured name of each endpoint that is a trunk."""
    extension: str = "PJSIP/{extension}"
    _before: str = field(init=False)
    _after: str = field(init=False)

    def __post_init__(self) -> None:
        before, _, after = self.extension.partition(EXTENSION)
        object.__setattr__(self, "_before", before)
        object.__setattr__(self, "_after", after)

    @classmethod
    def of(cls, dials: Mapping[str, str], extension: str) -> "Channels":
        """From the dial string of each trunk, by its name."""
        found = {endpoint_in(dial): name for name, dial in dials.items()}
        return cls({endpoint: name for endpoint, name in found.items() if endpoint}, extension)

    def trunk_of(self, channel: str) -> str:
        """The trunk that a channel is on, or an empty string."""
        return self.trunks.get(endpoint_of(channel), "")

    def party(self, channel: str, leg: str, *, is_inbound: bool = False) -> tuple[Party, ...]:
        """Whom a channel leads to; nobody when neither a trunk nor an extension is known by its name."""
        trunk = self.trunk_of(channel)
        if trunk:
            return (Party(PartyKind.INBOUND if is_inbound else PartyKind.OUTBOUND, trunk=trunk, leg=leg),)
        endpoint = endpoint_of(channel)
        if endpoint.startswith(self._before) and endpoint.endswith(self._after):
            number = endpoint[len(self._before) : len(endpoint) - len(self._after)]
            return (Party(PartyKind.EXTENSION, number, leg=leg),) if number else ()
        return ()


def is_ours(block: Block) -> bool:
    """Whether an event is about a call that was originated by a dispatcher.

    A channel that ours has been put through to may have the account, but has an id of Asterisk's own.
    """
    account = block.get("AccountCode") if leads_on(block) else _of_channel(block, "AccountCode")
    return account == ACCOUNT and is_own_id(uniqueid_of(block))


def leads_on(block: Block) -> bool:
    """Whether a channel that is up begins to call another: then the event is about the former."""
    return block.get("Event") == "DialBegin" and bool(block.get("Uniqueid"))


def uniqueid_of(block: Block) -> str:
    """The id of the channel that an event is about."""
    if leads_on(block):
        return block["Uniqueid"]
    return _of_channel(block, "Uniqueid") or block.get("UniqueID", "")


def channel_of(block: Block) -> str:
    """The name of that channel."""
    return block.get("Channel", "") if leads_on(block) else _of_channel(block, "Channel")


def _of_channel(block: Block, name: str) -> str:
    """A field of the channel that is called, where there is one, else of the only one."""
    return block.get(f"Dest{name}") or block.get(name) or ""


def comes_in(block: Block) -> bool:
    """Whether a stranger's channel began the call that it is in, and so came from outside."""
    return uniqueid_of(block) == _of_channel(block, "Linkedid")
