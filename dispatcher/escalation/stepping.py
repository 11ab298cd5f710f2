"""The steps of an alarm's plan: calling the people of one, going on to the next, and when to look again."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from dispatcher.domain.escalation import Decision, PageNow, Place, Standing, decide
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    PageState,
    Purpose,
)
from dispatcher.escalation.holding import hours_change
from dispatcher.escalation.lines import Lines, lines_of
from dispatcher.escalation.paging import call_waiting, page
from dispatcher.escalation.recipients import LeftOut, Rules
from dispatcher.escalation.saying import asked_of, told_of
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import of_alarm
from dispatcher.store.tables import Alarm, among, table
from dispatcher.work import Work

_log = logging.getLogger(__name__)

_alarms = table(Alarm)

LONGEST_WAIT = timedelta(hours=1)
"""An alarm that waits for a call's end is looked at so often all the same, should that end be missed."""


def go_on(
    work: Work,
    row: Any,
    plan: AlarmPlan,
    place: Place,
    why: str,
    lines: Lines | None = None,
    *,
    call: Callable[..., bool] | None = None,
) -> None:
    """Begin the step at ``place``, and those after it at once for as long as there is nobody to call.

    ``call`` calls the people of one step in place of :func:`call_step`.
    """
    following: Place | None = place
    while following is not None:
        place = following
        if (call or call_step)(work, row, plan, place, why, lines):
            break
        why, lines = "there was nobody to call in the step before", None
        following = plan.course.after(place)
    _after_step(work, row, plan, place)


def call_step(work: Work, row: Any, plan: AlarmPlan, place: Place, why: str, lines: Lines | None) -> bool:
    """Call the people of one step; False when there is nobody."""
    step = plan.steps[place.step]
    if place.step or place.round:
        # An alarm that begins where it stands was kept quiet or taken in hand before; it goes to nobody else.
        name = "resumed" if place == Place(row["step"], row["round"]) else "escalated"
        data = {"step": place.step + 1, "round": place.round + 1}
        change = Change("alarm", row["id"], name, f"step {place.step + 1}: {why}", row["id"], data=data)
        events.record(work.tx, work.now, [change])
    if lines is None:
        asked = asked_of(row, plan, step.message)
        rules = Rules.of(work.core.settings)
        lines = lines_of(work.tx, work.now, step.to, step.mode, asked, rules)
    note_left_out(work, row, lines.left_out)
    if not lines.lines:
        return False
    page(work.tx, work.now, told_of(work, row, plan, step.message), lines.lines, place, why)
    work.aftermath.due = True
    return True


def call_next(
    work: Work, row: Any, plan: AlarmPlan, step: int, rows: Sequence[Any], chosen: Sequence[str]
) -> None:
    """Call the next in the lines of a step: those of its pages that are chosen."""
    if not chosen:
        return
    told = told_of(work, row, plan, plan.steps[step].message)
    waiting = [page for page in rows if page.id in chosen]
    call_waiting(work.tx, work.now, told, waiting, "those before were not reached")
    work.aftermath.due = True


def _after_step(work: Work, row: Any, plan: AlarmPlan, place: Place) -> None:
    """Write down where the alarm is, and when it is looked at again."""
    values: dict[str, Any] = {"step": place.step, "round": place.round, "held_why": None, "held_by": None}
    here = pages_at(pages_since(work.tx, row["id"], place.round), place)
    decision = decide(plan.course, place, work.now, as_known(here), work.now)
    next_at = next_look(work, row, place, decision)
    write(work, row["id"], next_at=next_at, **values)
    if not here and next_at is None:
        work.aftermath.add(ledger.end_if_exhausted(work.tx, work.now, row["id"]))
    look_when_hours_change(work, row["id"], plan)


def next_look(work: Work, row: Any, place: Place, decision: Decision) -> datetime | None:
    """When the alarm is looked at by the clock; empty only when nothing is to come but the end of calls."""
    if decision.next_at is not None:
        return decision.next_at
    pages = pages_since(work.tx, row["id"], place.round)
    has_more = decision.has_more or any(page.state == PageState.WAITING for page in pages)
    return work.now + LONGEST_WAIT if has_more else None


def look_when_hours_change(work: Work, alarm_id: str, plan: AlarmPlan) -> None:
    """Look at an open alarm at the latest when the hours end in which it may call."""
    changes_at = hours_change(work.now, plan)
    if changes_at is not None:
        later = _alarms.c.next_at.is_(None) | (_alarms.c.next_at > changes_at)
        is_open = among(_alarms.c.status, AlarmStatus.OPEN)
        work.tx.execute(
            update(_alarms).where(_alarms.c.id == alarm_id, is_open, later).values(next_at=changes_at)
        )


def has_begun(tx: Connection, row: Any) -> bool:
    """Whether anybody has been paged in the present round; a new one begins after a silence, a reminder."""
    return any(
        page.purpose == Purpose.ALARM and page.round >= row["round"] for page in of_alarm(tx, row["id"])
    )


def pages_since(tx: Connection, alarm_id: str, since_round: int) -> list[Any]:
    """The alarm's pages of this round and later ones, without those that call back."""
    return [page for page in of_alarm(tx, alarm_id, since_round) if page.purpose == Purpose.ALARM]


def pages_at(rows: Sequence[Any], place: Place) -> list[Any]:
    """Those of the alarm's pages that belong to one step of one round."""
    return [page for page in rows if (page.step, page.round) == (place.step, place.round)]


def as_known(rows: Sequence[Any]) -> list[PageNow]:
    """Pages as the domain decides by them."""
    return [PageNow(page.id, page.line, page.position, standing(page)) for page in rows]


def standing(page: Any) -> Standing:
    """How a page stands, by its own state and its call's."""
    if page.state != PageState.CALLING:
        return Standing.WAITING if page.state == PageState.WAITING else Standing.FAILED
    if page.call_state == CallState.DELIVERED:
        return Standing.DELIVERED
    return Standing.CALLING if page.call_state in OPEN_CALL_STATES else Standing.FAILED


def note_left_out(work: Work, row: Any, left_out: Sequence[LeftOut]) -> None:
    """Tell in the timeline and the log who is not called, and why."""
    changes = []
    for one in left_out:
        who = one.recipient.name or one.recipient.value
        of_policy = f" of policy {row['policy']}" if row["policy"] else ""
        cause = f"{who}{of_policy} is not called: {one.why}"
        changes.append(Change("alarm", row["id"], "left_out", cause=cause, alarm_id=row["id"]))
        _log.warning("alarm %s: to.%d%s is not called: %s", row["id"], one.index, of_policy, one.why)
    if changes:
        events.record(work.tx, work.now, changes)


def write(work: Work, alarm_id: str, **values: Any) -> None:
    """Change these columns of an alarm."""
    work.tx.execute(update(_alarms).where(_alarms.c.id == alarm_id).values(updated_at=work.now, **values))
