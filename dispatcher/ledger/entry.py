"""Entering new facts of attempts. Everything that happens to a call after its dial goes through here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.domain.facts import Facts, changes, join
from dispatcher.domain.outcomes import Terms, is_acknowledged, outcome_of
from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState, DeliveredWhen, Outcome, Phase, Purpose
from dispatcher.ledger import alarms, measures, withdrawing
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.same_person import after_hearing
from dispatcher.ledger.steps import Move, Told, decide
from dispatcher.metrics.counting import Count
from dispatcher.store import attempts, breaker, calls, events, pages
from dispatcher.store.attempts import Case
from dispatcher.store.calls import CallChange
from dispatcher.store.events import Change
from dispatcher.store.requests import Requests


@dataclass(slots=True)
class News:
    """New facts of one locked case, and digests of the reports that brought them."""

    case: Case
    facts: Facts
    digests: str = ""
    transfers: list[str] = field(default_factory=list)
    """To whom reports say that the call was put through; an empty word where they don't name them."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What entering one case's news has changed, for the steps after it."""

    case: Case
    before: Facts
    outcome_before: Outcome | None
    freed: bool
    left_trunk: str | None = None
    """The trunk on which the channel had been held, when the call turned out to have taken another."""

    @property
    def is_news(self) -> bool:
        """Whether the outcome is new or has improved."""
        return self.case.outcome is not None and self.case.outcome is not self.outcome_before

    @property
    def may_recount(self) -> bool:
        """Whether what the attempt costs its call may have changed."""
        known, before = self.case.facts, self.before
        has_rung = known.ringing_at is not None and before.ringing_at is None
        tells = self.case.outcome is not None and (has_rung or known.cause is not before.cause)
        return self.is_news or tells


def terms_of(case: Case) -> Terms:
    """What the case's call must show to count as delivered."""
    request = case.request
    return Terms(request.delivered_when, request.ack_digits, case.supervised, request.answer_digits)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What entering facts needs to know of its surroundings.

    ``settle`` is the least time between a call's end and its redial, in which late reports may
    still improve the outcome. ``trunks`` are the configured (pbx, trunk) pairs.
    """

    requests: Requests
    settle: timedelta
    trunks: frozenset[tuple[str, str]]

    def enter(self, tx: Connection, now: datetime, news: Sequence[News], count: Count) -> Aftermath:
        """Write the facts down, decide what they mean, and say what is to be done after the commit."""
        entered = [_enter_facts(item, self.trunks) for item in news]
        attempts.save(tx, [(item.case, now if item.freed else None) for item in entered])
        breaker.note_outcomes(tx, now, [item.case for item in entered if item.is_news])
        told_of = [Told(item.case, is_news=item.is_news, may_recount=item.may_recount) for item in entered]
        moves = decide(tx, now, told_of, self.requests, self.settle)
        calls.change(tx, now, [move for _, move, _ in moves])
        told = [change for item in entered if (change := _fact_change(item)) is not None]
        told += [_transfer(item.case, to) for item in news for to in item.transfers]
        events.record(tx, now, told + [_call_change(*move) for move in moves])
        _count(count, now, entered, moves)
        aftermath = Aftermath(
            freed=_freed(entered),
            due=any(move.state is CallState.QUEUED for _, move, _ in moves),
        )
        aftermath.add(_settle_alarms(tx, now, entered, moves, count))
        return aftermath


def _count(count: Count, now: datetime, entered: Sequence[Entered], moves: Sequence["Move"]) -> None:
    for item in entered:
        measures.count_facts(count, item.case, item.before, terms_of(item.case), now, freed=item.freed)
        if item.is_news:
            measures.count_outcome(count, item.case, item.outcome_before)
    for case, move, _ in moves:
        measures.count_call(count, case, move, now)


def _enter_facts(news: News, known_trunks: frozenset[tuple[str, str]]) -> Entered:
    case, before, outcome_before = news.case, news.case.facts, news.case.outcome
    case.facts = join(before, news.facts)
    case.seen = f"{case.seen} {news.digests}".strip()
    # The call may have taken another trunk than the one it was claimed on; its channel counts there.
    left_trunk = None
    if case.trunk and case.facts.trunk != case.trunk and (case.pbx, case.facts.trunk) in known_trunks:
        left_trunk = case.trunk if case.channel_held else None
        case.trunk = case.facts.trunk
    if case.phase is Phase.ENDED and case.facts.ended_at is None:
        # It was ended, and its channel freed, by a failure that turns out to be somebody else's.
        case.facts = join(case.facts, Facts(closed_at=before.ended_at))
    outcome = outcome_of(case.facts, terms_of(case))
    if outcome is not None and outcome_before is not Outcome.DELIVERED:
        case.outcome = outcome
    freed = False
    if case.facts.ended_at is not None and case.phase is not Phase.ENDED:
        case.phase = Phase.ENDED
        freed, case.channel_held = case.channel_held, False
    return Entered(case, before, outcome_before, freed, left_trunk)


def _freed(entered: Sequence[Entered]) -> set[tuple[str, str]]:
    """The trunks on which a channel became free: at a call's end, or because it had taken another one."""
    ended = {(item.case.pbx, item.case.trunk) for item in entered if item.freed}
    left = {(item.case.pbx, item.left_trunk) for item in entered if item.left_trunk is not None}
    return ended | left


_STORY = (
    ("ringing_at", "ringing"),
    ("answered_at", "answered"),
    ("prompt_ended_at", "heard"),
    ("keys", "key"),
    ("failed_at", "failed"),
    ("closed_at", "closed"),
)


def _fact_change(item: Entered) -> Change | None:
    """An event row for the facts that are new, named after the latest of them."""
    changed = changes(item.before, item.case.facts)
    names = [word for fact, word in _STORY if fact in changed]
    if not names and not item.freed:
        return None
    case = item.case
    return Change(
        "call",
        case.call_id,
        "ended" if item.freed else names[-1],
        cause=", ".join(names),
        alarm_id=case.alarm_id,
        campaign_id=case.campaign_id,
        attempt_id=case.attempt_id,
        data={"outcome": case.outcome, "digits": case.facts.digits or None, "cause": case.facts.cause},
    )


def _transfer(case: Case, to: str) -> Change:
    """An event row for a transfer. Nothing that is decided of the call hangs on it."""
    return Change(
        "call",
        case.call_id,
        "transferred",
        cause=f"to {to}" if to else "",
        alarm_id=case.alarm_id,
        campaign_id=case.campaign_id,
        attempt_id=case.attempt_id,
        data={"to": to or None},
    )


def _call_change(case: Case, move: CallChange, why: str) -> Change:
    return Change(
        "call",
        case.call_id,
        move.state,
        cause=why,
        alarm_id=case.alarm_id,
        campaign_id=case.campaign_id,
        attempt_id=case.attempt_id,
        data={"outcome": move.outcome, "due_at": move.due_at.isoformat() if move.due_at else None},
    )


def _settle_alarms(
    tx: Connection, now: datetime, entered: Sequence[Entered], moves: Sequence[Move], count: Count
) -> Aftermath:
    """Acknowledge alarms whose keys came, withdraw what is no longer wanted, and end hopeless alarms."""
    aftermath = Aftermath()
    for case, move, _ in moves:
        # An attempt that proves late to have delivered has told nothing of the alarms that joined after it.
        ended_at = case.stored_facts.ended_at
        if case.alarm_id is not None and move.state is CallState.DELIVERED and ended_at is not None:
            aftermath.add(alarms.look_again(tx, now, pages.call_again(tx, case.call_id, ended_at)))
        is_by_key = case.request.delivered_when is DeliveredWhen.ACKNOWLEDGED
        if case.alarm_id is not None and move.state is CallState.DELIVERED and not is_by_key:
            aftermath.add(after_hearing(tx, now, case.call_id, count))
    for item in entered:
        if item.case.alarm_id is not None:
            aftermath.add(_heed_keys(tx, now, item, count))
    for case, move, _ in moves:
        if move.state is CallState.DELIVERED and case.ordinal != case.attempts_made:
            aftermath.add(withdrawing.stop_redial(tx, now, case.call_id))
    over = {case.call_id for case, move, _ in moves if case.alarm_id and move.state not in OPEN_CALL_STATES}
    aftermath.add(alarms.after_calls(tx, now, over))
    return aftermath


def _heed_keys(tx: Connection, now: datetime, item: Entered, count: Count) -> Aftermath:
    """Acknowledge the alarms that a key was pressed for, and have those looked at whose keys do more.

    Whether a key acknowledges is asked of all keys: the order in which they are told changes nothing, nor
    does it that a whole string was told before the single key that is a part of it.
    """
    case, terms, aftermath = item.case, terms_of(item.case), Aftermath()
    acknowledges = is_acknowledged(case.facts, terms) and not is_acknowledged(item.before, terms)
    # A key that is told twice, by itself and within a whole string, was pressed once.
    is_new = case.facts.digits != item.before.digits
    if not (acknowledges or is_new):
        return aftermath
    told = pages.told_by(tx, case.call_id, case.claimed_at)
    if acknowledges:
        cause = f"key {case.facts.digits} by {case.person}"
        for alarm_id in (page.alarm_id for page in told if page.purpose == Purpose.ALARM):
            aftermath.add(alarms.acknowledge(tx, now, alarm_id, count, by=case.person, cause=cause))
    if is_new and set(case.facts.digits) - set(terms.ack_digits):
        aftermath.add(alarms.look_at_keys(tx, now, [page.alarm_id for page in told]))
    return aftermath
