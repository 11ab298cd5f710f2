"""What the product says of its calls, held against what really happened on the PBX.

The truth is the simulated PBX's own. The words here are those of the manuals (S-Series API v1.1.0, "Call
failed report") and of ``dispatcher.domain.outcomes``, written down a second time on purpose.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dispatcher.simulator import CallRecord, SimulatedPbx
from tests.system.site import PREFIX

FINAL = {"delivered", "failed", "cancelled", "expired"}

BY_CAUSE = {
    "404": "invalid_number",
    "480": "no_answer",
    "484": "invalid_number",
    "486": "busy",
    "487": "no_answer",
    "503": "congestion",
    "603": "no_answer",
    "DND": "rejected",
    "Lin": "unreachable",
    "NO ": "not_permitted",
}
"""The outcome of a call that nobody answered, by the first letters of the PBX's reason."""

_BY_CDR_ALONE = {"no_answer", "busy", "unknown"}
WEAKER: Mapping[str, set[str]] = {
    "delivered": {"not_heard", "unknown", "voicemail"},
    "not_heard": {"unknown"},
    "voicemail": {"not_heard", "unknown"},
    "busy": _BY_CDR_ALONE,
    "no_answer": _BY_CDR_ALONE,
    "rejected": _BY_CDR_ALONE,
    "invalid_number": _BY_CDR_ALONE,
    "not_permitted": _BY_CDR_ALONE,
    "congestion": _BY_CDR_ALONE,
    "unreachable": _BY_CDR_ALONE,
}
"""What an outcome may become when reports are lost: the table atop ``dispatcher.domain.outcomes``."""


def true_outcome(record: CallRecord) -> str:
    """What became of a call to somebody who is to press 1, as the PBX knows it."""
    if record.cdr_status == "VOICEMAIL":
        return "voicemail"
    if record.answered is None:
        return BY_CAUSE[record.cause[:3]]
    return "delivered" if "1" in record.keys else "not_heard"


def judge(
    pbx: SimulatedPbx,
    calls: Iterable[dict[str, Any]],
    *,
    reports_are_lost: bool = False,
    dials_are_lost: bool = False,
) -> Counter[str]:
    """Hold all calls against the PBX's truth; the outcomes of the attempts, counted.

    ``reports_are_lost`` allows the documented weaker outcomes; ``dials_are_lost`` allows attempts whose
    request never reached the PBX, or whose call was never linked to them.
    """
    calls = list(calls)
    limits_were_kept(pbx)
    everything_has_ended(calls)
    nobody_was_dialled_twice(pbx, calls, dials_are_lost=dials_are_lost)
    nobody_was_dialled_after_delivery(pbx, calls)
    return outcomes_are_true(pbx, calls, reports_are_lost=reports_are_lost, dials_are_lost=dials_are_lost)


def limits_were_kept(pbx: SimulatedPbx) -> None:
    """No trunk was ever fuller than it is, and nobody was called while a call to them was up."""
    assert pbx.judge.over_limits() == 0, [call for call in pbx.judge.calls() if call.over_limit][:3]
    for tally in pbx.judge.trunks():
        assert tally.peak <= tally.channels, tally
    assert pbx.judge.overlaps() == []


def everything_has_ended(calls: Iterable[dict[str, Any]]) -> None:
    """Every call is in a final state, and every attempt has ended with an outcome."""
    for call in calls:
        assert call["state"] in FINAL, call
        for attempt in call["attempts"]:
            assert attempt["phase"] == "ended", call
            assert attempt["outcome"] is not None, call


def nobody_was_dialled_twice(
    pbx: SimulatedPbx, calls: Iterable[dict[str, Any]], *, dials_are_lost: bool
) -> None:
    """Each attempt stands for one dial request at most, and for exactly one unless processes were killed."""
    recorded: Counter[str] = Counter()
    for call in calls:
        recorded[call["number"]] += sum(attempt["dialed_at"] is not None for attempt in call["attempts"])
    dialled = Counter(f"+{dial.number.removeprefix(PREFIX)}" for dial in pbx.judge.dials())
    if dials_are_lost:
        assert not dialled - recorded, f"dialled without an attempt: {dialled - recorded}"
    else:
        assert dialled == recorded
    linked = Counter(a["callid"] for call in calls for a in call["attempts"] if a["callid"])
    assert all(times == 1 for times in linked.values()), linked.most_common(3)


def nobody_was_dialled_after_delivery(pbx: SimulatedPbx, calls: Iterable[dict[str, Any]]) -> None:
    """Once the report of the key that made a delivery was answered with 200, no further attempt was begun."""
    key_known: dict[str, float] = {}
    for entry in pbx.judge.log():
        data = dict(entry.data)
        if entry.kind == "report" and data["event"] == "acknowledged" and data["action"] == "DTMF":
            key_known.setdefault(data["callid"], entry.wall)
    for call in calls:
        delivered = [a["callid"] for a in call["attempts"] if a["outcome"] == "delivered"]
        known = min((key_known[callid] for callid in delivered if callid in key_known), default=None)
        for attempt in call["attempts"]:
            if known is not None and attempt["dialed_at"] is not None:
                assert datetime.fromisoformat(attempt["dialed_at"]).timestamp() <= known, call


def outcomes_are_true(
    pbx: SimulatedPbx, calls: Iterable[dict[str, Any]], *, reports_are_lost: bool, dials_are_lost: bool
) -> Counter[str]:
    """Every attempt has the outcome that the PBX's truth implies, or a documented weaker one."""
    records = {record.callid: record for record in pbx.judge.calls()}
    counted: Counter[str] = Counter()
    unlinked = set(records)
    for call in calls:
        for attempt in call["attempts"]:
            counted[attempt["outcome"]] += 1
            if not attempt["callid"]:
                assert attempt["outcome"] == "invalid_number" or dials_are_lost, call
                continue
            unlinked.discard(attempt["callid"])
            record = records[attempt["callid"]]
            assert f"+{record.number}" == call["number"], (record, call)
            true = true_outcome(record)
            allowed = {true} | (WEAKER[true] if reports_are_lost else set())
            assert attempt["outcome"] in allowed, (record, attempt)
    ours = [callid for callid in unlinked if records[callid].ours]
    assert dials_are_lost or not ours, [records[callid] for callid in ours[:3]]
    return counted
