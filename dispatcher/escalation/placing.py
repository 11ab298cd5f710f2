"""Whether a configured PBX can place a message to a target, and prove what is asked of the call.

Asked at intake, so that a request that no PBX could ever carry out is refused while its sender
still listens.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher.config import Settings
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.protocol import Capabilities
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.requests import MessageSpec

_WITH_AGENTS = (MessageKind.QUEUE, MessageKind.RING_GROUP)
_WORDS = {
    MessageKind.RING_GROUP: "a ring group",
    MessageKind.QUEUE: "a queue",
    MessageKind.PROMPT: "a prompt",
}
_TARGETS = {
    TargetKind.NUMBER: "an outside number",
    TargetKind.EXTENSION: "an extension",
    TargetKind.USER: "a PBX user",
}


class Unplaceable(ValueError):
    """No configured PBX can do what is asked; its message says why."""


class Unprovable(Unplaceable):
    """Calls can be placed, but what is asked of them can't be known; its message says what can be."""


@dataclass(frozen=True, slots=True)
class Site:
    """A configured PBX, as far as it matters here."""

    name: str
    family: str
    abilities: Capabilities
    has_trunks: bool

    def places(self, message: MessageSpec, target: TargetKind) -> bool:
        """Whether it can play ``message`` to such a target."""
        if (message.kind, target) not in self.abilities.placeable:
            return False
        if message.count > 1 and not self.abilities.prompt_count:
            return False
        return target is not TargetKind.NUMBER or self.has_trunks

    def proves(self, delivered_when: DeliveredWhen, target: TargetKind) -> bool:
        """Whether it can prove ``delivered_when`` of a call to such a target."""
        return (delivered_when, target) in self.abilities.provable


class Placing:
    """Answers for all configured PBXs together."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._sites = list(sites)

    @classmethod
    def of(cls, settings: Settings) -> "Placing":
        """Over the PBXs of the configuration."""
        return cls(
            Site(pbx.name, pbx.family, CAPABILITIES[pbx.family], bool(pbx.trunk)) for pbx in settings.pbx
        )

    def pbx_for(
        self, message: MessageSpec, target: TargetKind, delivered_when: DeliveredWhen, pbx: str | None = None
    ) -> str | None:
        """The only PBX that may place this, or None when the pacer chooses among those that can.

        An extension or user belongs to one PBX: the named one, else the first that can place it and prove
        its delivery. Raises :class:`Unplaceable`, and :class:`Unprovable` where only the proof is wanting.
        """
        sites = [site for site in self._sites if pbx in (None, site.name)]
        if not sites:
            raise Unplaceable(f"no PBX is named {pbx!r}; there are {self._names()}")
        calling = [site for site in sites if site.abilities.calls(target)]
        if calling and not any(site.proves(delivered_when, target) for site in calling):
            raise Unprovable(self._why_unproven(delivered_when, target, calling))
        able = [site for site in sites if site.places(message, target)]
        if not able:
            raise Unplaceable(self._why_not(message, target, sites))
        sure = [site for site in able if site.proves(delivered_when, target)]
        if not sure:
            raise Unprovable(self._why_unproven(delivered_when, target, able))
        is_open = pbx is None and len(sure) > 1
        if target is TargetKind.NUMBER and (is_open or len(sure) == sum(s.has_trunks for s in self._sites)):
            return None
        return sure[0].name

    def _names(self) -> str:
        return ", ".join(site.name for site in self._sites) or "none"

    def _why_not(self, message: MessageSpec, target: TargetKind, sites: list[Site]) -> str:
        what = f"{_WORDS.get(message.kind, 'an IVR')} to {_TARGETS[target]}"
        if any((message.kind, target) in site.abilities.placeable for site in sites):
            if message.count > 1:
                return f"no configured PBX can repeat {what} by request; leave count out"
            return "no trunk is configured for calls to outside numbers"
        return f"no configured PBX can play {what} (families: {_families(sites) or 'none configured'})"

    def _why_unproven(self, delivered_when: DeliveredWhen, target: TargetKind, sites: list[Site]) -> str:
        why = (
            f"'{delivered_when}' can't be proven of a call to {_TARGETS[target]} by any configured PBX "
            f"(families: {_families(sites)})"
        )
        known = [proof for proof in DeliveredWhen if any(site.proves(proof, target) for site in sites)]
        if known:
            return f"{why}; ask for {' or '.join(repr(str(proof)) for proof in known)}"
        if any(site.proves(DeliveredWhen.ANSWERED, TargetKind.USER) for site in self._sites):
            return (
                f"{why}, nor can anything else: the PBX does not tell what becomes of the far end. "
                "Call a user of the PBX instead, with delivered_when 'answered': "
                "a user's phone may be an outside number"
            )
        return f"{why}, nor can anything else"


def check_message(message: MessageSpec, delivered_when: DeliveredWhen) -> None:
    """Raise :class:`Unprovable` for what no PBX could ever prove of such a message."""
    if message.kind in _WITH_AGENTS and delivered_when is not DeliveredWhen.ANSWERED:
        raise Unprovable(
            f"'{delivered_when}' can't be proven for {_WORDS[message.kind]}: "
            "only an IVR or a prompt reports its end and its keys; ask for 'answered'"
        )


def _families(sites: list[Site]) -> str:
    return ", ".join(sorted({site.family for site in sites}))
