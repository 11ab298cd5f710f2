"""Whose the live calls are that a PBX shows. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dispatcher.domain.numbers import same_number, similar_number
from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.protocol import LiveCall


@dataclass(slots=True)
class Matched:
    """``ours`` pairs attempts with the calls that are theirs; ``strangers`` are nobody's of ours."""

    ours: list[tuple[Any, LiveCall]] = field(default_factory=list)
    strangers: list[LiveCall] = field(default_factory=list)


def match(live: Sequence[LiveCall], ours: Sequence[Any]) -> Matched:
    """Find the attempts of ``ours`` (rows) among ``live`` calls.

    A callid or a known leg is certain. After that each outbound call goes to the first attempt to its
    number that has none yet: the PBX may show the number with digits stripped or prepended, and last comes
    what it may have rewritten altogether. What comes in is never ours.
    """
    found = Matched()
    by_callid = {row.callid: row for row in ours if row.callid}
    by_leg = {row.leg: row for row in ours if row.leg}
    taken: set[str] = set()
    open_calls = []
    for call in dict.fromkeys(live):
        row = by_callid.get(call.callid) if call.callid else by_leg.get(call.leg)
        if row is None:
            open_calls.append(call)
        elif call.direction is PartyKind.OUTBOUND:
            taken.add(row.id)
            found.ours.append((row, call))
    for same in (same_number, similar_number):
        left = []
        for call in open_calls:
            row = _to_number(call, [row for row in ours if row.id not in taken], same)
            if row is None:
                left.append(call)
            else:
                taken.add(row.id)
                found.ours.append((row, call))
        open_calls = left
    found.strangers = open_calls
    return found


def _to_number(call: LiveCall, ours: Sequence[Any], same: Callable[[str, str], bool]) -> Any:
    if call.direction is not PartyKind.OUTBOUND:
        return None
    candidates = (
        row for row in ours if not (call.callid and row.callid) and same(row.digits_dialled, call.number)
    )
    return next(candidates, None)


def gone(believed: Sequence[Any], strangers: Sequence[LiveCall]) -> list[str]:
    """The callids of foreign calls (rows) that are over.

    A call whose callid is shown is up. Where the list names only legs while the reports name calls, the
    two can only be counted: the oldest go, as many as are believed in beyond what is shown.
    """
    shown = {call.callid for call in strangers if call.callid}
    legs = Counter(call.trunk for call in strangers if not call.callid)
    by_trunk: dict[str, list[Any]] = {}
    for row in sorted(believed, key=lambda row: row.since):
        if row.callid not in shown:
            by_trunk.setdefault(row.trunk, []).append(row)
    over: list[str] = []
    for trunk, rows in by_trunk.items():
        over += [row.callid for row in rows[: max(0, len(rows) - legs[trunk])]]
    return over


def unheard_of(believed: Sequence[Any], strangers: Sequence[LiveCall]) -> list[LiveCall]:
    """The calls of each trunk that are shown beyond those believed in."""
    known = {row.callid for row in believed}
    named = {name_of(call) for call in strangers}
    reported = Counter(row.trunk for row in believed if row.callid not in named)
    found = []
    for call in sorted(strangers, key=name_of):
        if name_of(call) in known:
            continue
        if reported[call.trunk] > 0 and not call.callid:
            reported[call.trunk] -= 1
        else:
            found.append(call)
    return found


def name_of(call: LiveCall) -> str:
    """What a live call is kept under: its callid, or, where the list names none, its leg."""
    return call.callid or f"leg {call.leg}"
