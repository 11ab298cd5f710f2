"""What is known of one attempt, gathered from reports in whatever order they come.

:class:`Facts` is a join-semilattice: :func:`join` is commutative, associative and idempotent, so the
facts of an attempt, and with them everything that is decided from facts, do not depend on the order
or the repetition of its reports. Earliest times win, best CDR status wins, keys only accumulate.
"""

from collections.abc import Callable
from datetime import datetime
from operator import or_
from typing import Any, NamedTuple

from dispatcher.domain.reasons import PRECEDENCE, Reason
from dispatcher.domain.reports import CdrStatus
from dispatcher.domain.vocabulary import MessageKind, TargetKind

Key = tuple[int | None, str]
"""A DTMF report: one key with its position, or a whole string with None."""

NO_OTHER_LEG = "no other leg"
WHOLE_CALL = "the whole call"
NOT_NAMED = "failed, and the callee was not named"
"""What stands among the ``releases`` beside the legs themselves."""

_CDR_RANK = {status: rank for rank, status in enumerate(CdrStatus)}
_NO_CAUSE = -len(PRECEDENCE)


class Facts(NamedTuple):
    """What reports, and our own doing, have shown of one attempt. Times are when we learned it."""

    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    prompt_ended_at: datetime | None = None
    keys: frozenset[Key] = frozenset()
    released_at: datetime | None = None
    releases: frozenset[str] = frozenset()
    failed_at: datetime | None = None
    cause: Reason | None = None
    cause_text: str = ""
    cdr_at: datetime | None = None
    cdr_status: CdrStatus | None = None
    talk_seconds: int | None = None
    recording: str = ""
    leg: str = ""
    trunk: str = ""
    closed_at: datetime | None = None
    """When we concluded that the call is over although no report said so."""
    hung_up_at: datetime | None = None
    """When we asked the PBX to end the call."""

    @property
    def digits(self) -> str:
        """The keys pressed, in order of their position, or the longest whole string reported.

        A key that was told by itself and is in neither was pressed as well: it follows, since nothing says
        when.
        """
        whole = max((text for position, text in self.keys if position is None), key=_by_length, default="")
        singles = "".join(text for _, text in sorted((p, t) for p, t in self.keys if p is not None))
        longest = max(whole, singles, key=_by_length)
        others = sorted({text for _, text in self.keys if len(text) == 1 and text not in longest})
        return longest + "".join(others)

    @property
    def ended_at(self) -> datetime | None:
        """When the call ended, as far as known, or None while it may be up.

        A CDR or a CallFailed ends it, as does a report that the whole call is over, and as do two
        different BYE reports, one a leg (S-Series API v1.1.0 manual, "Hang up report"). A single BYE
        does not, since the other leg may still hold the channel, unless the call was answered and the
        callee's is the only leg that the report names: at the other end of an IVR or a prompt there is
        none (inferred: the manual shows no BYE of such a call).
        Facts only accumulate, so a call that has ended stays so; but for one that seemed to have failed
        until it was known that the callee had taken it.
        """
        failed_at = None if self.has_failed_elsewhere else self.failed_at
        ends = [at for at in (self.cdr_at, failed_at, self.closed_at) if at is not None]
        if self.released_at is not None and self._is_released():
            ends.append(self.released_at)
        return min(ends) if ends else None

    @property
    def has_failed_elsewhere(self) -> bool:
        """Whether who could not be reached is somebody whom the call went on to, and not the callee.

        A CallFailed that does not name the callee may be about either: the K2 API v2.0.0 manual lists
        nothing but extensions in its members. Once the callee has taken the call it is another's.
        """
        is_taken = self.answered_at is not None or bool(self.keys) or self.cdr_status is CdrStatus.ANSWERED
        return NOT_NAMED in self.releases and is_taken

    def _is_released(self) -> bool:
        if WHOLE_CALL in self.releases:
            return True
        if NO_OTHER_LEG in self.releases and self.answered_at is not None:
            return True
        return len(self.releases - {NO_OTHER_LEG, NOT_NAMED}) > 1


NOTHING = Facts()


def _by_length(text: str) -> tuple[int, str]:
    return len(text), text


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def _best_status(one: CdrStatus | None, other: CdrStatus | None) -> CdrStatus | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=_CDR_RANK.__getitem__)


def _longest_talk(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def _cause_rank(told: tuple[Reason | None, str]) -> tuple[int, str]:
    cause, text = told
    return -PRECEDENCE[cause] if cause is not None else _NO_CAUSE, text


_JOINED_BY: dict[str, Callable[[Any, Any], Any]] = {
    "ringing_at": _earliest,
    "answered_at": _earliest,
    "prompt_ended_at": _earliest,
    "keys": or_,
    "released_at": _earliest,
    "releases": or_,
    "failed_at": _earliest,
    "cdr_at": _earliest,
    "cdr_status": _best_status,
    "talk_seconds": _longest_talk,
    "recording": max,
    "leg": max,
    "trunk": max,
    "closed_at": _earliest,
    "hung_up_at": _earliest,
}
"""How two facts make one, for each field but the cause and its text, which belong together."""

_SINGLE = tuple(
    (place, NOTHING[place], _JOINED_BY[name])
    for place, name in enumerate(Facts._fields)
    if name in _JOINED_BY
)


def join(one: Facts, other: Facts) -> Facts:
    """Everything that either of the two knows.

    A report adds two or three facts, so those that ``other`` says nothing of are passed over at once. The
    cause of the highest precedence keeps its own text, and any cause goes before a text without one.
    """
    if other is NOTHING:
        return one
    if one is NOTHING:
        return other
    known = list(one)
    for place, nothing, joined in _SINGLE:
        told = other[place]
        if told is not nothing:
            known[place] = joined(known[place], told)
    found = Facts._make(known)
    if other.cause is None and not other.cause_text:
        return found
    cause, text = max((one.cause, one.cause_text), (other.cause, other.cause_text), key=_cause_rank)
    return found._replace(cause=cause, cause_text=text)


def changes(before: Facts, after: Facts) -> dict[str, Any]:
    """The fields in which ``after`` knows more than ``before``."""
    if before is after:
        return {}
    named = zip(Facts._fields, before, after, strict=True)
    return {name: value for name, known, value in named if value is not known and value != known}


class Target(NamedTuple):
    """Whom the attempt called, to tell their leg from others of the same callid.

    In a call that is ours their number may come in any form that the outbound route has made of it.
    """

    kind: TargetKind
    digits: str
    message: MessageKind
