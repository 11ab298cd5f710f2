"""What the product says of its calls, held against what really happened on the PBX.

:func:`faults_of` is a pure function of :class:`Evidence`: each rule below says one thing that must never be,
and ``test_judgement.py`` shows of each that it finds its own breach.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Any

from dispatcher.simulator import CallRecord, DialRecord, LogEntry, SimulatedPbx, TrunkTally
from tests.system.losses import calls_with_losses
from tests.system.site import BACKUP_PREFIX, PREFIX
from tests.system.truth import ACK, Trouble, Truth, allowed

FINAL = {"delivered", "failed", "cancelled", "expired"}
FREE = {"congestion", "unreachable"}
"""Outcomes that cost none of a call's attempts."""
PERMANENT = {"invalid_number", "not_permitted"}
ENTERING = 0.5
"""Seconds between a report that is durable, and answered, and the moment when the dialling side has heard of
it. Redials that were due just then can't be called back."""
DOUBTFUL_ANSWERS = {"lost_before", "lost_after", "502", "500", "slow"}
"""Answers to a dial request, in the PBX's log, after which nobody here may know of the call."""
NUMBER_REFUSED = "10031"
Call = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What the PBX saw, and what the product says.

    ``troubled`` is what may have struck any dial of the run: ``ANSWER_LOST`` where processes were killed or
    the line was cut, ``PBX_AWAY`` where the PBX could not be reached, ``REPORTS_LOST`` where reports travel
    unacknowledged. What the PBX did to a single dial or report is in its own log.
    """

    placed: Sequence[CallRecord]
    dials: Sequence[DialRecord]
    log: Sequence[LogEntry]
    trunks: Sequence[TrunkTally]
    overlaps: Sequence[tuple[str, str, str]]
    calls: Sequence[Call]
    alarms: Sequence[Mapping[str, Any]] = ()
    campaign_attempts: int = 3
    alarm_attempts: int = 3
    troubled: frozenset[Trouble] = frozenset()

    @cached_property
    def records(self) -> dict[str, CallRecord]:
        """The calls that the PBX placed for us, by callid."""
        return {record.callid: record for record in self.placed if record.ours}

    @cached_property
    def incomplete(self) -> frozenset[str]:
        """The calls of which at least one report never arrived, or need not have."""
        if Trouble.REPORTS_LOST in self.troubled:
            return frozenset(self.records)
        return calls_with_losses(self.log)

    @property
    def dials_may_be_lost(self) -> bool:
        """Whether an attempt may have been begun of which the PBX has never heard."""
        return bool(self.troubled - {Trouble.REPORTS_LOST})

    @cached_property
    def dials_by_number(self) -> dict[str, list[DialRecord]]:
        """Every dial request, by the number as the product writes it."""
        found: dict[str, list[DialRecord]] = {}
        for dial in self.dials:
            number = dial.number.removeprefix(PREFIX).removeprefix(BACKUP_PREFIX)
            found.setdefault(e164(number), []).append(dial)
        return found

    @cached_property
    def linked(self) -> dict[str, Mapping[str, Any]]:
        """The attempt of each callid that has one."""
        return {attempt["callid"]: attempt for call in self.calls for attempt in call["attempts"]}


def gather(
    pbx: SimulatedPbx,
    calls: Iterable[Call],
    alarms: Iterable[Mapping[str, Any]] = (),
    *,
    campaign_attempts: int = 3,
    alarm_attempts: int = 3,
    troubled: Iterable[Trouble] = (),
) -> Evidence:
    """The evidence of a run that is over."""
    judge = pbx.judge
    return Evidence(
        placed=judge.calls(),
        dials=judge.dials(),
        log=judge.log(),
        trunks=judge.trunks(),
        overlaps=judge.overlaps(),
        calls=list(calls),
        alarms=list(alarms),
        campaign_attempts=campaign_attempts,
        alarm_attempts=alarm_attempts,
        troubled=frozenset(troubled),
    )


def judge(
    pbx: SimulatedPbx,
    calls: Iterable[Call],
    *,
    campaign_attempts: int = 3,
    troubled: Iterable[Trouble] = (),
) -> Counter[str]:
    """Hold all calls against the PBX's truth; the outcomes of the attempts, counted."""
    evidence = gather(pbx, calls, campaign_attempts=campaign_attempts, troubled=troubled)
    faults = faults_of(evidence)
    assert not faults, "\n".join([f"{len(faults)} things are wrong:", *faults[:20]])
    return outcomes_of(evidence)


def outcomes_of(evidence: Evidence) -> Counter[str]:
    """The outcomes of all attempts, counted."""
    return Counter(attempt["outcome"] for call in evidence.calls for attempt in call["attempts"])


def faults_of(evidence: Evidence) -> list[str]:
    """Everything that must not have happened, in words; empty when all is well."""
    return [fault for rule in RULES for fault in rule(evidence)]


def over_the_limit(evidence: Evidence) -> Iterator[str]:
    """No trunk was ever asked for a channel more than it has."""
    for tally in evidence.trunks:
        if tally.over_limit or tally.peak > tally.channels:
            yield (
                f"{tally.name}: {tally.over_limit} calls found its {tally.channels} channels taken "
                f"(peak {tally.peak})"
            )


def still_active(evidence: Evidence) -> Iterator[str]:
    """Every call is in a final state, and every attempt has ended with an outcome."""
    for call in evidence.calls:
        if call["state"] not in FINAL:
            yield f"{call['number']} is still {call['state']}: {call}"
        for attempt in call["attempts"]:
            if attempt["phase"] != "ended" or attempt["outcome"] is None:
                yield f"{call['number']}: attempt {attempt['ordinal']} has not ended: {attempt}"


def dialled_too_often(evidence: Evidence) -> Iterator[str]:
    """Each attempt stands for one dial request at most, and for exactly one unless dials could get lost."""
    recorded: Counter[str] = Counter()
    for call in evidence.calls:
        recorded[call["number"]] += sum(attempt["dialed_at"] is not None for attempt in call["attempts"])
    dialled = Counter({number: len(dials) for number, dials in evidence.dials_by_number.items()})
    for number in dialled.keys() | recorded.keys():
        if dialled[number] > recorded[number]:
            yield f"{number}: dialled {dialled[number]} times in {recorded[number]} attempts"
        elif dialled[number] < recorded[number] and not evidence.dials_may_be_lost:
            yield f"{number}: dialled {dialled[number]} times only, in {recorded[number]} attempts"
    claims = Counter(a["callid"] for call in evidence.calls for a in call["attempts"] if a["callid"])
    for callid, count in claims.items():
        if count > 1:
            yield f"callid {callid} belongs to {count} attempts"


def dialled_while_up(evidence: Evidence) -> Iterator[str]:
    """No number of a campaign was dialled while an earlier call to it was up.

    An alarm may be, when nobody could know of the earlier call: better twice than never.
    """
    doubtful = evidence.dials_may_be_lost or any(dial.response in DOUBTFUL_ANSWERS for dial in evidence.dials)
    of_campaign = {call["number"] for call in evidence.calls if "campaign_id" in call}
    for number, callid, other in evidence.overlaps:
        if e164(number) in of_campaign or not (doubtful or evidence.incomplete):
            yield f"{e164(number)}: {callid} was dialled while {other} was up"


def dialled_in_doubt(evidence: Evidence) -> Iterator[str]:
    """No number was dialled while the fate of an earlier attempt was open.

    Nor is a campaign's number ever dialled after a call whose person may have been reached without us
    knowing how that ended.
    """
    for call in evidence.calls:
        for before, after in pairwise(call["attempts"]):
            if after["dialed_at"] and not _ended_by(before, after["dialed_at"]):
                ordinal = after["ordinal"]
                yield f"{call['number']}: attempt {ordinal} was dialled before the last had ended: {call}"
            if "campaign_id" in call and before["outcome"] == "unknown":
                record = evidence.records.get(before["callid"] or "")
                if record is None or record.answered is not None:
                    yield f"{call['number']}: dialled again after an attempt that may have been heard: {call}"
    yield from _dialled_after_a_lost_call(evidence)


def _ended_by(attempt: Mapping[str, Any], moment: str) -> bool:
    ended = attempt["ended_at"]
    return ended is not None and _moment(ended) <= _moment(moment)


def _dialled_after_a_lost_call(evidence: Evidence) -> Iterator[str]:
    """A call that no attempt knows of, and that somebody took, must have been the last of its number."""
    of_campaign = {call["number"] for call in evidence.calls if "campaign_id" in call}
    last = {record.number: record.callid for record in sorted(evidence.records.values(), key=_started)}
    for record in evidence.records.values():
        is_lost = record.answered is not None and record.callid not in evidence.linked
        if is_lost and e164(record.number) in of_campaign and last[record.number] != record.callid:
            yield f"{e164(record.number)}: dialled again after {record.callid}, of which nobody knew"


def _started(record: CallRecord) -> float:
    return record.started


def dialled_after_delivery(evidence: Evidence) -> Iterator[str]:
    """Soon after the report of the key that makes a delivery was answered, no further attempt is begun."""
    known: dict[str, float] = {}
    for entry in evidence.log:
        data = dict(entry.data)
        if entry.kind == "report" and data["event"] == "acknowledged" and data["action"] == "DTMF":
            known.setdefault(data["callid"], entry.wall)
    for call in evidence.calls:
        keyed = [
            known[attempt["callid"]]
            for attempt in call["attempts"]
            if attempt["callid"] in known and ACK in evidence.records[attempt["callid"]].keys
        ]
        for attempt in call["attempts"]:
            if keyed and attempt["dialed_at"]:
                late = _moment(attempt["dialed_at"]) - min(keyed)
                if late > ENTERING:
                    yield f"{call['number']}: dialled {late:.3f} s after it was delivered: {call}"


def wrong_outcomes(evidence: Evidence) -> Iterator[str]:
    """Every attempt has the outcome that the PBX's truth implies, or one that the table allows."""
    for call in evidence.calls:
        for attempt in call["attempts"]:
            callid = attempt["callid"]
            record = evidence.records.get(callid or "")
            if callid and record is None:
                yield f"{call['number']}: the PBX knows no call {callid}"
                continue
            if record is not None and e164(record.number) != call["number"]:
                yield f"{call['number']}: {callid} was a call to {e164(record.number)}"
                continue
            may_be = allowed(_truth(record), _troubles(evidence, call, attempt, record))
            if attempt["outcome"] not in may_be:
                yield (
                    f"{call['number']}: attempt {attempt['ordinal']} is {attempt['outcome']}, not one of "
                    f"{sorted(may_be)}: {attempt}; in truth {record}"
                )


def _truth(record: CallRecord | None) -> Truth | None:
    if record is None:
        return None
    return Truth(record.answered is not None, record.keys, record.cdr_status == "VOICEMAIL", record.cause)


def _troubles(
    evidence: Evidence, call: Call, attempt: Mapping[str, Any], record: CallRecord | None
) -> frozenset[Trouble]:
    """What went wrong around one attempt: what struck the whole run, and what the PBX's log shows of it."""
    troubles = set(evidence.troubled)
    if record is not None and record.callid in evidence.incomplete:
        troubles.add(Trouble.REPORTS_LOST)
    for dial in evidence.dials_by_number.get(call["number"], []):
        if dial.response in DOUBTFUL_ANSWERS:
            troubles.add(Trouble.ANSWER_LOST)
        if dial.errno == NUMBER_REFUSED:
            troubles.add(Trouble.REFUSED_NUMBER)
    if record is None and _calls_without_attempt(evidence, call, attempt):
        # What the PBX has placed can't be proven not to have been, nor was it away.
        troubles -= {Trouble.PBX_AWAY}
    elif record is None:
        troubles.add(Trouble.NEVER_PLACED)
    if _may_be_withdrawn(call, attempt):
        troubles.add(Trouble.WITHDRAWN)
    return frozenset(troubles)


def _calls_without_attempt(evidence: Evidence, call: Call, attempt: Mapping[str, Any]) -> list[CallRecord]:
    """The calls to its number, between this dial and the next, that no attempt knows of."""
    later = [other["dialed_at"] for other in call["attempts"] if other["ordinal"] > attempt["ordinal"]]
    begun, over = _moment(attempt["dialed_at"]), min(map(_moment, filter(None, later)), default=inf)
    return [
        record
        for record in evidence.records.values()
        if e164(record.number) == call["number"]
        and record.callid not in evidence.linked
        and begun <= record.started_wall < over
    ]


def _moment(shown: str | None) -> float:
    """A time of the API in Unix time; what was never dialled was dialled after everything else."""
    return datetime.fromisoformat(shown).timestamp() if shown else inf


def _may_be_withdrawn(call: Call, attempt: Mapping[str, Any]) -> bool:
    """The last attempt of a cancelled call, and those after one that turned out delivered."""
    earlier = [other["outcome"] for other in call["attempts"] if other["ordinal"] < attempt["ordinal"]]
    is_last = attempt["ordinal"] == len(call["attempts"])
    return (call["state"] == "cancelled" and is_last) or "delivered" in earlier


def lost_calls(evidence: Evidence) -> Iterator[str]:
    """A call whose reports all arrived has found its attempt, whatever became of the dial's answer."""
    for record in evidence.records.values():
        if record.callid not in evidence.linked and record.callid not in evidence.incomplete:
            yield f"{e164(record.number)}: no attempt knows the call {record.callid}: {record}"


def wrong_states(evidence: Evidence) -> Iterator[str]:
    """A call's state and outcome are those of its attempts."""
    for call in evidence.calls:
        outcomes = [attempt["outcome"] for attempt in call["attempts"]]
        if (call["state"] == "delivered") != ("delivered" in outcomes):
            yield f"{call['number']} is {call['state']} with the attempts {outcomes}"
        elif call["state"] == "delivered" and call["outcome"] != "delivered":
            yield f"{call['number']} was delivered with the outcome {call['outcome']}"
        elif call["state"] == "failed" and call["outcome"] != outcomes[-1]:
            yield f"{call['number']} failed as {call['outcome']} with the attempts {outcomes}"


def given_up_early(evidence: Evidence) -> Iterator[str]:
    """A call that failed has used its attempts, and no more; what is nobody's fault costs none."""
    for call in evidence.calls:
        outcomes = [attempt["outcome"] for attempt in call["attempts"]]
        budget = evidence.campaign_attempts if "campaign_id" in call else evidence.alarm_attempts
        spent = sum(outcome not in FREE for outcome in outcomes)
        if spent > budget:
            yield f"{call['number']}: {spent} attempts of {budget}: {outcomes}"
        if call["state"] != "failed" or call["outcome"] in PERMANENT:
            continue
        # Of a call whose reports are lost, or come after the PBX was asked, nobody was sure that it was not
        # delivered, so that a campaign gave it up.
        late = call["attempts"][-1]["callid"] in evidence.incomplete or evidence.dials_may_be_lost
        in_the_dark = call["outcome"] == "unknown" or (call["outcome"] in ("not_heard", "voicemail") and late)
        may_stop = in_the_dark and "campaign_id" in call
        if spent < budget and not may_stop:
            yield f"{call['number']}: given up after {outcomes}, of {budget} attempts"


def wrong_alarms(evidence: Evidence) -> Iterator[str]:
    """Every alarm was acknowledged by somebody who really pressed the key, or every call to it is used up."""
    for alarm in evidence.alarms:
        name, status = f"alarm {alarm['id']}", alarm["status"]
        callids = [attempt["callid"] for call in alarm["calls"] for attempt in call["attempts"]]
        pressed = [c for c in callids if c in evidence.records and ACK in evidence.records[c].keys]
        states = {call["state"] for call in alarm["calls"]}
        if status not in ("acknowledged", "exhausted"):
            yield f"{name} is {status}, with calls that are {states}"
        elif status == "acknowledged" and not pressed:
            yield f"{name} counts as acknowledged, but nobody pressed {ACK}: {alarm}"
        elif status == "exhausted" and any(callid not in evidence.incomplete for callid in pressed):
            yield f"{name} counts as exhausted, but the key was pressed: {alarm}"
        elif status == "exhausted" and states != {"failed"}:
            yield f"{name} counts as exhausted, with calls that are {states}"


RULES = (
    over_the_limit,
    still_active,
    dialled_too_often,
    dialled_while_up,
    dialled_in_doubt,
    dialled_after_delivery,
    wrong_outcomes,
    lost_calls,
    wrong_states,
    given_up_early,
    wrong_alarms,
)


def e164(digits: str) -> str:
    """A number of the PBX as the product writes it."""
    return f"+{digits}"
