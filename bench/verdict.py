"""What the PBX saw, held against what must never happen."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

NOTICE = 0.25
"""Seconds between a report's acknowledgement and a dial that should have known of it.

A dial request that is on its way when the report comes can't be called back.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One round: what the PBX saw, and the attempts as the product has them."""

    calls: Sequence[Mapping[str, Any]]
    log: Sequence[Mapping[str, Any]]
    state: Mapping[str, Any]
    attempts: Mapping[str, Sequence[Mapping[str, Any]]]
    """By number in digits: of campaign calls only."""


def faults_of(evidence: Evidence) -> list[str]:
    """Everything that must not have happened, in words; empty when all is well."""
    return [
        *_over_the_limit(evidence.state),
        *_dialled_too_often(evidence),
        *_dialled_while_up(evidence),
        *_dialled_after_delivery(evidence),
        *_believed_wrongly(evidence),
    ]


def _over_the_limit(state: Mapping[str, Any]) -> Iterable[str]:
    for trunk in state["trunks"]:
        if trunk["over_limit"] or trunk["peak"] > trunk["channels"]:
            yield (
                f"{trunk['name']}: {trunk['over_limit']} calls found its {trunk['channels']} channels taken "
                f"(peak {trunk['peak']})"
            )


def _dialled_too_often(evidence: Evidence) -> Iterable[str]:
    placed = Counter(call["number"] for call in evidence.calls)
    for number, attempts in evidence.attempts.items():
        if placed[number] > len(attempts):
            yield f"{number}: dialled {placed[number]} times in {len(attempts)} attempts"
    every = [attempt for attempts in evidence.attempts.values() for attempt in attempts]
    claims = Counter(attempt["callid"] for attempt in every if attempt["callid"])
    for callid, count in claims.items():
        if count > 1:
            yield f"callid {callid} belongs to {count} attempts"


def _dialled_while_up(evidence: Evidence) -> Iterable[str]:
    for number, callid, other in evidence.state["overlaps"]:
        if number in evidence.attempts:
            yield f"{number}: {callid} was dialled while {other} was up"


def _dialled_after_delivery(evidence: Evidence) -> Iterable[str]:
    """A key's report that was acknowledged proves the delivery; lost ones excuse a further dial."""
    known = {
        entry["callid"]: entry["at"]
        for entry in reversed(evidence.log)
        if entry["kind"] == "report" and entry["event"] == "acknowledged" and entry["action"] == "DTMF"
    }
    by_number: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for call in evidence.calls:
        if call["number"] in evidence.attempts:
            by_number[call["number"]].append(call)
    for number, calls in by_number.items():
        ordered = sorted(calls, key=lambda call: call["started"])
        for before, after in pairwise(ordered):
            delivered_at = known.get(before["callid"])
            if "1" in before["keys"] and delivered_at and delivered_at + NOTICE < after["started"]:
                late = after["started"] - delivered_at
                yield (
                    f"{number}: {after['callid']} was dialled {late:.2f} s after "
                    f"{before['callid']} was delivered"
                )


def _believed_wrongly(evidence: Evidence) -> Iterable[str]:
    """An attempt that counts as delivered although nobody pressed the key on its call."""
    truth = {call["callid"]: call for call in evidence.calls}
    for number, attempts in evidence.attempts.items():
        for attempt in attempts:
            call = truth.get(attempt["callid"] or "")
            if attempt["callid"] and call is None:
                yield f"{number}: the PBX knows no call {attempt['callid']}"
            elif call is not None and call["number"] != number:
                yield f"{number}: {attempt['callid']} was a call to {call['number']}"
            elif attempt["outcome"] == "delivered" and (call is None or "1" not in call["keys"]):
                yield f"{number}: attempt {attempt['id']} counts as delivered, but nobody pressed 1"
