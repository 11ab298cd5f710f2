"""What is known of one attempt, gathered from reports in whatever order they come.

:class:`Facts` is a join-semilattice: :func:`join` is commutative, associative and idempotent, so the
facts of an attempt, and with them everything that is decided from facts, do not depend on the order
or the repetition of its reports. Earliest times win, best CDR status wins, keys only accumulate.
"""

from collections.abc import Callable
from datetime import datetime
from operator import or_
from typing import Any, NamedTuple

from dispatcher.domain.numbers import similar_number
from dispatcher.domain.reasons import PRECEDENCE, Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind

Key = tuple[int | None, str]
"""A DTMF report: one key with its position, or a whole string with None."""

PHANTOM_SECONDS = 1
"""A "no answer" record of a call of just this length may stand beside the record of an answered one."""

_CDR_RANK = {status: rank for rank, status in enumerate(CdrStatus)}
_NO_CAUSE = -len(PRECEDENCE)
_NO_OTHER_LEG = "no other leg"
_WHOLE_CALL = "the whole call"
_NOT_NAMED = "failed, and the callee was not named"


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
        return _NOT_NAMED in self.releases and is_taken

    def _is_released(self) -> bool:
        if _WHOLE_CALL in self.releases:
            return True
        if _NO_OTHER_LEG in self.releases and self.answered_at is not None:
            return True
        return len(self.releases - {_NO_OTHER_LEG, _NOT_NAMED}) > 1


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


def facts_of(report: Report, target: Target, at: datetime) -> Facts:
    """What one report adds, received at ``at``; :data:`NOTHING` when it is about another leg."""
    if report.cdr is not None:
        return _of_cdr(report.cdr, target, at)
    if not _concerns(report, target):
        return NOTHING
    leg, trunk = _line_of(report.parties, target)
    match report.event:
        case ReportEvent.RINGING:
            return Facts(ringing_at=at, leg=leg, trunk=trunk)
        case ReportEvent.ANSWERED:
            return Facts(answered_at=at, leg=leg, trunk=trunk)
        case ReportEvent.PROMPT_ENDED:
            return Facts(prompt_ended_at=at, leg=leg, trunk=trunk)
        case ReportEvent.DTMF if report.keys:
            return Facts(keys=frozenset({(report.position, report.keys)}), leg=leg, trunk=trunk)
        case ReportEvent.RELEASED:
            return Facts(released_at=at, releases=_released_by(report, target), leg=leg, trunk=trunk)
        case ReportEvent.OVER:
            return Facts(released_at=at, releases=frozenset({_WHOLE_CALL}), leg=leg, trunk=trunk)
        case ReportEvent.FAILED:
            return Facts(
                releases=frozenset() if _may_name(report, target) else frozenset({_NOT_NAMED}),
                failed_at=at,
                cause=report.reason or Reason.FAILED,
                cause_text=report.reason_text,
                leg=leg,
                trunk=trunk,
            )
    return Facts(leg=leg, trunk=trunk) if leg or trunk else NOTHING


def _line_of(parties: tuple[Party, ...], target: Target) -> tuple[str, str]:
    """The callee's leg and its trunk, as far as the parties name them.

    Of several outside parties the one with the callee's number is meant: the call has gone on to the others.
    """
    outside = [party for party in parties if party.kind is PartyKind.OUTBOUND]
    if len(outside) > 1 and target.kind is TargetKind.NUMBER:
        outside = [party for party in outside if similar_number(target.digits, party.number)] or outside
    leg = trunk = ""
    for party in outside:
        leg, trunk = party.leg or leg, party.trunk or trunk
    return leg, trunk


def _released_by(report: Report, target: Target) -> frozenset[str]:
    """The leg that a BYE releases, which is its first party's.

    All extensions but the callee count as one leg: a call that several agents of a queue have left
    one after the other may still be up.
    """
    if not report.parties:
        return frozenset({"-"})
    first = report.parties[0]
    number = first.number.strip()
    if len(report.parties) == 1 and _is_whole_call(first, target):
        return frozenset({f"{first.kind}:{first.leg or number}", _NO_OTHER_LEG})
    if first.kind is PartyKind.EXTENSION and number != target.digits:
        return frozenset({str(first.kind)})
    return frozenset({f"{first.kind}:{first.leg or number}"})


def _is_whole_call(party: Party, target: Target) -> bool:
    """Whether a party is the callee's outside leg in a call that has no other: nobody is at an IVR's end."""
    if party.kind is not PartyKind.OUTBOUND or target.kind is not TargetKind.NUMBER or _has_agents(target):
        return False
    return not party.number or similar_number(target.digits, party.number)


def _of_cdr(cdr: Cdr, target: Target, at: datetime) -> Facts:
    if _is_phantom(cdr) or not _is_row_of(cdr, target):
        return NOTHING
    return Facts(
        cdr_at=at,
        cdr_status=cdr.status,
        talk_seconds=cdr.talk_seconds,
        recording=cdr.recording,
        trunk=cdr.trunk,
    )


def _is_phantom(cdr: Cdr) -> bool:
    """Whether a row may be the one-second "no answer" that firmware writes beside an answered call's own.

    Then it proves nothing, not even the call's end: if no other report comes, the PBX is asked.
    """
    return cdr.call_seconds == PHANTOM_SECONDS and cdr.status is CdrStatus.NO_ANSWER and not cdr.talk_seconds


def _is_row_of(cdr: Cdr, target: Target) -> bool:
    """Whether a row is about the callee, and not about somebody whom the call went on to.

    Queue and ring group calls leave a row for each agent. An IVR's key may lead to an extension, in a
    row of its own; it is told by its type, since the callee's own row may show another form of the
    number than was dialled.
    """
    if not cdr.called or similar_number(target.digits, cdr.called):
        return True
    if _has_agents(target):
        return False
    if cdr.direction is not PartyKind.EXTENSION:
        return True
    return target.kind is not TargetKind.NUMBER and cdr.caller.strip() == target.digits


def _has_agents(target: Target) -> bool:
    return target.message in (MessageKind.QUEUE, MessageKind.RING_GROUP)


def _concerns(report: Report, target: Target) -> bool:
    """Whether a report is about the callee's leg.

    With an IVR or a prompt there is nobody but the callee who can press keys, hear the prompt or
    hang up. That someone rang or answered must name the callee, or nobody. With a queue or a ring
    group, reports that name extensions alone are about the agents.
    """
    ours_only = report.event in (ReportEvent.RINGING, ReportEvent.ANSWERED) or _has_agents(target)
    if not report.parties or not ours_only or report.event is ReportEvent.OVER:
        return True
    if target.kind is TargetKind.NUMBER:
        return any(
            party.kind is not PartyKind.EXTENSION
            and (not party.number or similar_number(target.digits, party.number))
            for party in report.parties
        )
    return any(party.number.strip() == target.digits for party in report.parties)


def _may_name(report: Report, target: Target) -> bool:
    """Whether one of the parties that a report names may be the callee, or it names none."""
    if not report.parties:
        return True
    if target.kind is TargetKind.NUMBER:
        outside = [party.number for party in report.parties if party.kind is not PartyKind.EXTENSION]
        return any(not number or similar_number(target.digits, number) for number in outside)
    return any(party.number.strip() == target.digits for party in report.parties)
