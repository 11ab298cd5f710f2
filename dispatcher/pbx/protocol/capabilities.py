"""What a family can place and what it can prove."""

from dataclasses import dataclass
from itertools import product

from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind

ALL_OF_PHONES = frozenset(product(DeliveredWhen, (TargetKind.NUMBER, TargetKind.EXTENSION)))
"""``provable`` of a family whose reports can prove everything of calls to numbers and extensions."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a family can place and what it can know.

    ``placeable`` pairs what is played with what is dialled; ``provable`` pairs the values of
    ``delivered_when`` that the family's reports can prove with what is dialled.
    """

    placeable: frozenset[tuple[MessageKind, TargetKind]]
    provable: frozenset[tuple[DeliveredWhen, TargetKind]]
    prompt_count: bool = False
    """Whether a prompt can be repeated by request (``count``)."""
    dial_waits: float = 0.0
    """For how many seconds beyond the usual time-out the answer to a dial request may wait for a person."""
    own_ids: bool = False
    """Whether a call's callid is the one that its order names; then it is :class:`KnowsOwnCalls` as well."""
    unseen: tuple[str, ...] = ()
    """What of this rests on a manual or on inference alone, and was seen on no PBX: sentences for people."""
    transfers: frozenset[TargetKind] = frozenset()
    """Calls to whom can be put through to somebody else; where there are any it is :class:`Transfers` too."""
    hangs_up_whatever: bool = False
    """Whether only an extension's current call can be ended, be it ours or not: then it is asked for once."""
    dials_together: bool = False
    """Whether its driver sends many dial requests at once (:class:`DialsTogether`)."""

    def calls(self, target: TargetKind) -> bool:
        """Whether anything at all can be played to such a target."""
        return any(target is placed for _, placed in self.placeable)

    def proofs(self, target: TargetKind) -> list[DeliveredWhen]:
        """What can be proven of calls to such a target, weakest first."""
        return [proof for proof in DeliveredWhen if (proof, target) in self.provable]
