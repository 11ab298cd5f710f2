"""Counting what is entered, in the transaction that enters it."""

from datetime import datetime

from dispatcher.domain.facts import Facts
from dispatcher.domain.outcomes import Terms, is_answered
from dispatcher.domain.vocabulary import OPEN_CALL_STATES, CallState, Outcome
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import Count
from dispatcher.store.attempts import Case
from dispatcher.store.calls import CallChange


def count_facts(count: Count, case: Case, before: Facts, terms: Terms, now: datetime, *, freed: bool) -> None:
    """Count a first ring, a first answer, and the channel's time once it is free."""
    rang_before = before.ringing_at or before.answered_at
    rings_at = case.facts.ringing_at or case.facts.answered_at
    if case.alarm_id and case.ordinal == 1 and rings_at and not rang_before:
        count.observe(catalogue.ALARM_TO_RING, (rings_at - case.call_created_at).total_seconds())
    if is_answered(case.facts, terms) and not is_answered(before, terms):
        count.add(catalogue.ATTEMPTS_ANSWERED, case.pbx, case.trunk)
    talked = (case.facts.talk_seconds or 0) - (before.talk_seconds or 0)
    if talked > 0:
        count.add(catalogue.TALK_SECONDS, case.pbx, case.trunk, by=talked)
    if freed:
        held = (now - case.claimed_at).total_seconds()
        count.add(catalogue.CHANNEL_SECONDS, case.pbx, case.trunk, by=max(0.0, held))


def count_outcome(count: Count, case: Case, before: Outcome | None) -> None:
    """Count an attempt once, by the first outcome it gets; an improvement is not counted again."""
    if before is None and case.outcome is not None:
        count.add(catalogue.ATTEMPTS, case.pbx, case.trunk, case.outcome)


def count_call(count: Count, case: Case, move: CallChange, now: datetime) -> None:
    """Count a call when it leaves the open states, and an alarm's way to its delivery."""
    if move.state is CallState.DELIVERED and case.alarm_id:
        count.observe(catalogue.ALARM_TO_DELIVERED, (now - case.call_created_at).total_seconds())
    if move.before in OPEN_CALL_STATES and move.state not in OPEN_CALL_STATES and move.outcome:
        count.add(catalogue.CALLS, case.request.kind, move.outcome)
