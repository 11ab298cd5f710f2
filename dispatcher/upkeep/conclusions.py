"""What the PBX's answers mean for the calls in question, written down in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from dispatcher.domain.doubt import (
    Known,
    Look,
    Next,
    Question,
    Step,
    Waits,
    after_failed_look,
    after_look,
    next_step,
)
from dispatcher.domain.facts import NOTHING, Facts, join
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import Outcome, Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import Ledger, News
from dispatcher.metrics.counting import Count
from dispatcher.store import doubts, events, foreign
from dispatcher.store.attempts import Case
from dispatcher.store.events import Change
from dispatcher.upkeep.downloads import Told
from dispatcher.upkeep.sight import Sight, Ways


@dataclass(slots=True)
class Conclusions:
    """Gathers what follows for each call, and writes it. The cases are locked."""

    ledger: Ledger
    ways: Ways
    cases: Mapping[str, Case]
    told: Told
    now: datetime
    waits: Waits
    records_from: datetime
    """The records are not fetched again before this."""
    session_began: datetime | None = None
    """When the session at the PBX was begun."""
    _facts: dict[str, Facts] = field(default_factory=dict)
    _linked: dict[str, str] = field(default_factory=dict)
    _answered: list[str] = field(default_factory=list)
    _open: list[tuple[str, Known, Next]] = field(default_factory=list)
    _held_on: list[str] = field(default_factory=list)
    _to_free: list[str] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._facts |= {key: self._closed_by(key, learned) for key, learned in self.told.facts.items()}
        self._linked |= self.told.linked

    def _closed_by(self, key: str, learned: Facts) -> Facts:
        """What a record tells of a call, also of one that nobody asked for.

        One that it ends had no report of its end, so what only reports tell may be lost as well.
        """
        known = self.cases[key].facts
        if known.ended_at is not None or join(known, learned).ended_at is None:
            return learned
        return join(learned, Facts(closed_at=known.released_at or self.now))

    def adopt(
        self, seen: Sight, lost: Collection[str], strangers: Collection[str], own: frozenset[str]
    ) -> None:
        """Link live calls that name their callid to attempts in doubt, where only one can be meant.

        ``lost`` are attempts without a callid, ``strangers`` the live callids that are no attempt's.
        """
        waiting = [self.cases[key] for key in lost if key in self.cases and self.cases[key].callid is None]
        for case in waiting:
            mine = [
                call for call in seen.matching(self.ways, case) if call.callid in strangers and call.number
            ]
            rivals = [
                other
                for other in waiting
                if other is not case and any(call in mine for call in seen.matching(self.ways, other))
            ]
            callids = {call.callid for call in mine}
            callers = own | {case.request.message_value, case.target.digits, "prompt", ""}
            if len(callids) != 1 or rivals or case.phase is not Phase.IN_DOUBT:
                continue
            if all(call.caller in callers for call in mine):
                self._linked[case.attempt_id] = callids.pop()
                self._tell(case, "the PBX shows it among its live calls")

    def consider(self, row: Any, question: Question, known: Known, seen: Sight | None) -> None:
        """Conclude what can be concluded of one call in question, or say what comes next."""
        key = row.attempt_id
        case = self.cases.get(key)
        if case is None or not case.channel_held:
            self._answered.append(key)
            return
        learned = self._facts.get(key, NOTHING)
        if case.phase is Phase.ENDED and case.facts._replace(closed_at=None).ended_at is not None:
            self._answer(case, "its end was reported")
        elif learned is not NOTHING and join(case.facts, learned).ended_at is not None:
            self._answer(case, "its call record was found")
        elif key in self._linked or is_heard_of(row):
            self._answered.append(key)
        elif self._is_shown(case, seen):
            self._linked[key] = case.callid or ""
            self._answer(case, "the PBX shows it among its live calls")
        else:
            self._go_on(case, row, question, self._seen(case, question, known, seen))

    def _seen(self, case: Case, question: Question, known: Known, seen: Sight | None) -> Known:
        known = replace(
            known,
            perhaps=case.attempt_id in self.told.perhaps,
            vouched=self._is_vouched(case),
        )
        if seen is not None and seen.has_failed(self.ways, case):
            return after_failed_look(question, known, seen.answered)
        if seen is None or not seen.covers(self.ways, case):
            return known
        shows = bool(seen.matching(self.ways, case))
        return after_look(question, known, Look(seen.sent, seen.answered, shows))

    def _is_vouched(self, case: Case) -> bool:
        is_known = case.trunk in self.told.vouched or (self.told.is_whole and case.callid is not None)
        return is_known and not self._may_be_forgotten(case)

    def _is_shown(self, case: Case, seen: Sight | None) -> bool:
        """Whether the PBX shows the very call, by the id that it was given, of which there was no answer."""
        if case.phase is not Phase.IN_DOUBT or not case.callid or seen is None:
            return False
        return any(call.callid == case.callid for call in seen.matching(self.ways, case))

    def _may_be_forgotten(self, case: Case) -> bool:
        """Whether the PBX may have restarted since the dial: what it had up then leaves no record."""
        return (
            self.session_began is not None
            and case.dialed_at is not None
            and self.session_began > case.dialed_at
        )

    def _of_restart(self, case: Case) -> str:
        """Where a session is the PBX's own life: what it means for a call that another has come since."""
        if not self.ways.own_ids or not self._may_be_forgotten(case):
            return ""
        return "; the PBX was started again after the call was dialled, and that ends calls without a word"

    def _go_on(self, case: Case, row: Any, question: Question, known: Known) -> None:
        following = next_step(question, known, self.waits, self.now)
        due = following.at <= self.now
        if due and following.step is Step.NEVER_PLACED:
            text = f"never placed: {following.why}"
            self._facts[case.attempt_id] = Facts(
                closed_at=self.now, cause=Reason.NEVER_PLACED, cause_text=text
            )
            self._answer(case, text)
        elif due and following.step is Step.CLOSE:
            self._facts[case.attempt_id] = Facts(closed_at=case.facts.released_at or self.now)
            self._answer(case, following.why + self._of_restart(case))
        else:
            if following.step is Step.FETCH:
                following = replace(following, at=max(following.at, self.records_from))
            self._open.append((case.attempt_id, known, following))
            has_answer = following.step is not Step.LOOK or known.looked_at is not None
            if has_answer and following.why != row.why:
                self._tell(case, following.why)

    def let_go(self, row: Any, why: str) -> None:
        """Let an alarm's call go on without its attempt, in doubt or up, which keeps channel and question."""
        case = self.cases.get(row.attempt_id)
        if case is None or case.outcome is Outcome.DELIVERED:
            return
        if case.phase in (Phase.IN_DOUBT, Phase.UP):
            self._facts[case.attempt_id] = Facts(closed_at=self.now)
            self._held_on.append(case.attempt_id)
            self._tell(case, why)

    def _answer(self, case: Case, why: str) -> None:
        if case.phase is Phase.ENDED:
            self._to_free.append(case.attempt_id)
        self._answered.append(case.attempt_id)
        self._tell(case, why)

    def _tell(self, case: Case, why: str) -> None:
        self._changes.append(
            Change(
                "call",
                case.call_id,
                "asked",
                cause=why,
                alarm_id=case.alarm_id,
                campaign_id=case.campaign_id,
                attempt_id=case.attempt_id,
            )
        )

    def write(self, tx: Connection, count: Count) -> Aftermath:
        """Write everything down, and say what is to be done after the commit."""
        events.record(tx, self.now, self._changes)
        doubts.drop(tx, self._answered)
        doubts.save(tx, self._open)
        for key, callid in self._linked.items():
            case = self.cases[key]
            case.callid = callid
            if case.phase is Phase.IN_DOUBT:
                case.phase = Phase.UP
            foreign.end(tx, self.now, case.pbx, [callid])
        changed = self._facts.keys() | self._linked.keys()
        aftermath = self.ledger.enter(tx, self.now, self._news(changed), count)
        doubts.keep_channel(tx, self._held_on)
        aftermath.freed |= doubts.free_channel(tx, self.now, self._to_free)
        return aftermath

    def _news(self, changed: Collection[str]) -> Sequence[News]:
        return [News(self.cases[key], self._facts.get(key, NOTHING)) for key in sorted(changed)]


def is_heard_of(row: Any) -> bool:
    """Whether a call that is up has been heard of again since it came into question."""
    return bool(row.phase == Phase.UP and row.last_sign > row.since)
