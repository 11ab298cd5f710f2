"""Whose call a record is: records fetched afterwards, and attempts whose callid nobody knows.

A record is given to an attempt only when it can be no other's, and an attempt gets only a record that is
the only one that can be its own. What may be its own without being certainly so is said, because then
the attempt was not certainly *not* placed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatcher.domain.facts import Target
from dispatcher.domain.numbers import same_number, similar_number
from dispatcher.domain.reports import Cdr, PartyKind, Report
from dispatcher.domain.vocabulary import TargetKind

SKEW = timedelta(seconds=60)
"""So far the PBX's clock may be from ours for its records to be believed about time."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt whose callid nobody knows.

    Its call began between ``sent`` and ``settled``, if at all. ``callers`` are the numbers that may stand as
    the caller of a call of ours: what is played, and the extension whose outbound right is used.
    """

    attempt_id: str
    target: Target
    trunk: str
    sent: datetime
    settled: datetime
    callers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Linked:
    """The callid of each attempt that was found, and the attempts that perhaps have a record."""

    own: Mapping[str, str] = field(default_factory=dict)
    perhaps: frozenset[str] = frozenset()


def link(lost: Sequence[Lost], records: Sequence[Report]) -> Linked:
    """Find the attempts' records among those of calls that are no other attempt's."""
    rows: dict[str, list[Cdr]] = {}
    for report in records:
        if report.cdr is not None and report.callid:
            rows.setdefault(report.callid, []).append(report.cdr)
    possible = {
        one.attempt_id: [callid for callid, cdrs in rows.items() if any(_can_be(one, cdr) for cdr in cdrs)]
        for one in lost
    }
    claims = [callid for callids in possible.values() for callid in callids]
    own = {}
    for one in lost:
        callids = possible[one.attempt_id]
        if len(callids) == 1 and claims.count(callids[0]) == 1 and _is(one, rows[callids[0]]):
            own[one.attempt_id] = callids[0]
    return Linked(own, frozenset(key for key, callids in possible.items() if callids and key not in own))


def _can_be(lost: Lost, cdr: Cdr) -> bool:
    """Whether a record may name the callee and lies in the attempt's time; one without a time may."""
    if cdr.direction is PartyKind.INBOUND or not _names(lost, cdr, similar_number):
        return False
    return cdr.began is None or lost.sent - SKEW <= cdr.began <= lost.settled + SKEW


def _names(lost: Lost, cdr: Cdr, same: Callable[[str, str], bool]) -> bool:
    digits = lost.target.digits
    if same(digits, cdr.called):
        return True
    # An extension may be called first and then be led to what is played, as its own call.
    return lost.target.kind is not TargetKind.NUMBER and cdr.caller.strip() == digits


def _is(lost: Lost, cdrs: Sequence[Cdr]) -> bool:
    """Whether the records of one call can't be those of somebody who phoned the same number by hand."""
    callers = lost.callers | {lost.target.digits}
    return all(
        cdr.began is not None
        and cdr.caller in callers | {""}
        and cdr.trunk in ("", lost.trunk)
        and _names(lost, cdr, same_number)
        for cdr in cdrs
        if _can_be(lost, cdr)
    )


@dataclass(frozen=True, slots=True)
class Familiar:
    """A call of ours whose callid is known: when and on which trunk it was dialled, and whether it rang."""

    dialed: datetime
    trunk: str
    rang: bool


def vouched_trunks(familiar: Mapping[str, Familiar], records: Sequence[Report]) -> frozenset[str]:
    """The trunks of which these records are known to hold our calls, at the right time, and the list too.

    Only there does a missing record prove anything: firmware before 30.10.0.16 writes none for calls
    of an IVR, a wrong time zone asks for another hour, and the status of a trunk that is not
    monitored is not reported (S-Series API v1.1.0 manual, 'Change log' and 'API reports').
    """
    recorded, seen = set(), {call.trunk for call in familiar.values() if call.rang}
    for report in records:
        call = familiar.get(report.callid)
        began = report.cdr.began if report.cdr else None
        if call is not None and began is not None and abs(began - call.dialed) <= SKEW:
            recorded.add(call.trunk)
    return frozenset(recorded & seen)
