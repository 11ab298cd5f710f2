"""What one report adds to the facts of the attempt that it is about."""

from datetime import datetime

from dispatcher.domain.facts import NO_OTHER_LEG, NOT_NAMED, NOTHING, WHOLE_CALL, Facts, Target
from dispatcher.domain.numbers import similar_number
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind

PHANTOM_SECONDS = 1
"""A "no answer" record of a call of just this length may stand beside the record of an answered one."""


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
            return Facts(released_at=at, releases=frozenset({WHOLE_CALL}), leg=leg, trunk=trunk)
        case ReportEvent.FAILED:
            return Facts(
                releases=frozenset() if _may_name(report, target) else frozenset({NOT_NAMED}),
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
        return frozenset({f"{first.kind}:{first.leg or number}", NO_OTHER_LEG})
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
