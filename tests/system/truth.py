"""What may be said of a call, given what really happened: the truth, times what went wrong around it.

The truth is the simulated PBX's own. The words here are those of the manuals (S-Series API v1.1.0, "Call
failed report", and K2 API v2.0.0, "CallFailed") and of ``dispatcher.domain.outcomes``, written down a second
time on purpose, so that one misreading can't pass on both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ACK = "1"
"""The key that everybody is asked to press."""

BY_CAUSE: Mapping[str, str] = {
    "404": "invalid_number",
    "480": "no_answer",
    "484": "invalid_number",
    "486": "busy",
    "487": "no_answer",
    "503": "congestion",
    "603": "no_answer",
    "Cir": "congestion",
    "DND": "rejected",
    "Lin": "unreachable",
    "NO ": "not_permitted",
    "hun": "no_answer",  # Hung up through the API while it rang: a call that we took back.
}
"""The outcome of a call that nobody answered, by the first letters of the PBX's reason."""

RESTART = "restart"
"""The cause of a call that the PBX dropped, without a word, when it restarted."""

NOBODY_REACHED = frozenset(
    {"busy", "no_answer", "rejected", "invalid_number", "not_permitted", "congestion", "unreachable"}
)
"""True outcomes of calls that nobody took, which is all that a call record tells apart of them."""


class Trouble(StrEnum):
    """What can have gone wrong around one call, or around one dial that became none."""

    REPORTS_LOST = "reports_lost"
    """At least one report of this call never arrived."""
    WITHDRAWN = "withdrawn"
    """We took the call back, because another had done its work."""
    ANSWER_LOST = "answer_lost"
    """The dial's answer did not reach us, or whoever had sent the request was killed meanwhile."""
    NEVER_PLACED = "never_placed"
    """The PBX placed no call for this dial."""
    PBX_AWAY = "pbx_away"
    """The PBX, or the line to it, was away at some time."""
    REFUSED_NUMBER = "refused_number"
    """The PBX refused to dial the number (errno 10031)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One call that the PBX placed, as it knows it."""

    answered: bool = False
    keys: str = ""
    voicemail: bool = False
    cause: str = ""

    @property
    def outcome(self) -> str:
        """What became of a call to somebody who is to press 1; a dropped call is what it was so far."""
        if self.voicemail:
            return "voicemail"
        if self.answered:
            return "delivered" if ACK in self.keys else "not_heard"
        return "unknown" if self.cause == RESTART else BY_CAUSE[self.cause[:3]]


WEAKER: Mapping[str, frozenset[str]] = {
    # The key's report, or the prompt's end, is lost; or the record alone is left.
    "delivered": frozenset({"not_heard", "unknown", "voicemail"}),
    "not_heard": frozenset({"unknown"}),
    "voicemail": frozenset({"not_heard", "unknown"}),
    "unknown": frozenset(),
    # By the record alone, which knows three words for a call that nobody took.
    **dict.fromkeys(NOBODY_REACHED, frozenset({"no_answer", "busy", "unknown"})),
}
"""What a true outcome may become when reports of the call are lost: the table atop
``dispatcher.domain.outcomes``. Never stronger, and never one that somebody took who did not."""


def allowed(truth: Truth | None, troubles: frozenset[Trouble]) -> frozenset[str]:
    """The outcomes that an attempt may have.

    ``truth`` is the call that the attempt is linked to, None when it is linked to none. Every other outcome
    is wrong, however likely it looks.
    """
    outcomes: set[str] = set()
    if truth is not None:
        outcomes.add(truth.outcome)
        if Trouble.REPORTS_LOST in troubles:
            outcomes |= WEAKER[truth.outcome]
    else:
        if Trouble.ANSWER_LOST in troubles:
            outcomes.add("unknown")
            if Trouble.NEVER_PLACED in troubles:
                outcomes.add("unreachable")
        if Trouble.PBX_AWAY in troubles:
            outcomes.add("unreachable")
        if Trouble.REFUSED_NUMBER in troubles:
            outcomes.add("invalid_number")
    if Trouble.WITHDRAWN in troubles and outcomes != {"delivered"}:
        outcomes.add("cancelled")
    return frozenset(outcomes)
