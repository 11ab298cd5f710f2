"""Whoever hands an alarm on by a key is left alone by the steps after it, until the next round."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from dispatcher.domain.vocabulary import KeyAction, Purpose
from dispatcher.escalation.lines import Lines
from dispatcher.escalation.recipients import Callee
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import of_alarm
from dispatcher.work import Work


def without_handed_on(tx: Connection, alarm_id: str, plan: AlarmPlan, round_: int, found: Lines) -> Lines:
    """The people of a step of this round without those who have handed the alarm on in it."""
    known = _handed_on(tx, alarm_id, plan, round_)
    if not known:
        return found
    away = [callee for line in found.lines for callee in line if _is_among(callee, known)]
    kept = [[callee for callee in line if callee not in away] for line in found.lines]
    return replace(found, lines=[line for line in kept if line], left_alone=away)


def note_left_alone(work: Work, alarm_id: str, left_alone: Sequence[Callee]) -> None:
    """Tell in the timeline who is not called since they have handed the alarm on."""
    words = dict.fromkeys(callee.name or callee.contact or callee.value for callee in left_alone)
    why = "is not called: has handed the alarm on, and is left alone until the next round"
    changes = [Change("alarm", alarm_id, "left_out", f"{word} {why}", alarm_id) for word in words]
    if changes:
        events.record(work.tx, work.now, changes)


def _handed_on(tx: Connection, alarm_id: str, plan: AlarmPlan, round_: int) -> list[Any]:
    """The pages in whose calls somebody has pressed to go on since this round began."""
    tables = [plan.keys, *(before.keys for before in plan.keys_before)]
    if not any(KeyAction.ESCALATE in keys.values() for keys in tables):
        return []
    known = [page for page in of_alarm(tx, alarm_id) if page.purpose == Purpose.ALARM]
    began_at = min((page.created_at for page in known if page.round == round_), default=None)
    return [
        page
        for page in known
        if began_at is not None and page.ended_at is not None
        # The key that ends a page may begin the next round in the same moment, and belongs to the one before.
        if page.ended_at > began_at or page.round == round_
        if page.call_id is not None and _has_pressed(page, plan)
    ]


def _has_pressed(page: Any, plan: AlarmPlan) -> bool:
    keys = plan.keys_in(page.called_at or page.call_created_at)
    return any(keys.get(key) is KeyAction.ESCALATE for key in page.keys_done)


def _is_among(callee: Callee, known: Sequence[Any]) -> bool:
    by_contact = {page.contact for page in known if page.contact is not None}
    return callee.contact in by_contact or callee.word in {Callee.from_columns(page).word for page in known}
