"""The steps of an alarm's plan: calling the people of one, going on to the next, and when to look again."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, update

from dispatcher.domain.escalation import Decision, PageNow, Place, Standing, decide
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    PageState,
    Purpose,
)
from dispatcher.escalation.handing_on import note_left_alone, without_handed_on
from dispatcher.escalation.holding import hours_change
from dispatcher.escalation.lines import Lines, lines_of
from dispatcher.escalation.paging import call_waiting, page
from dispatcher.escalation.recipients import LeftOut, Rules
from dispatcher.escalation.saying import asked_of, told_of
from dispatcher.escalation.turns import used_before
from dispatcher.escalation.unplaced import look_at
from dispatcher.ledger import alarms as ledger
from dispatcher.metrics import catalogue
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import of_alarm
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, among, table
from dispatcher.work import Work

_log = logging.getLogger(__name__)

_alarms = table(Alarm)

LONGEST_WAIT = timedelta(hours=1)
"""An alarm that waits for a call's end is looked at so often all the same, should that end be missed."""
LOOK_FOR_SOMEBODY = timedelta(seconds=30)
"""So often an alarm with nobody to call looks whether somebody is there."""


class Reach(Enum):
    """Whether a step has anybody to call: for now there may be nobody, who is there at another time."""

    SOMEBODY = "somebody"
    NOBODY_NOW = "nobody now"
    NOBODY = "nobody"


def go_on(
    work: Work,
    row: Any,
    plan: AlarmPlan,
    place: Place,
    why: str,
    lines: Lines | None = None,
    *,
    asked: bool = False,
    call: Callable[..., Reach] | None = None,
) -> None:
    """Begin the step at ``place``, or the first one after it that has somebody to call.

    Where none is left in the round that has, the alarm waits for somebody, unless nobody can ever be called.
    ``asked``: somebody wants it to go on, and it begins the next round at once. ``call`` calls the people of
    one step in place of :func:`call_step`.
    """
    plan = _no_longer_waiting(work, row, plan)
    found: set[Reach] = set()
    for step in range(place.step, len(plan.steps)):
        reach = (call or call_step)(work, row, plan, Place(step, place.round), why, lines)
        if reach is Reach.SOMEBODY:
            after_step(work, row, plan, Place(step, place.round))
            return
        found.add(reach)
        why, lines = "there was nobody to call in the step before", None
    following = plan.course.next_round(place)
    was_called = following is not None and bool(pages_since(work.tx, row["id"], place.round))
    waits = Reach.NOBODY_NOW in found or was_called
    if following is not None and (asked or not waits):
        go_on(work, row, plan, following, why, call=call)
    elif waits:
        _wait_for_somebody(work, row, plan, place)
    else:
        after_step(work, row, plan, Place(len(plan.steps) - 1, place.round))


def call_step(work: Work, row: Any, plan: AlarmPlan, place: Place, why: str, lines: Lines | None) -> Reach:
    """Call the people of one step, if there are any."""
    step = plan.steps[place.step]
    if place.step or place.round:
        # An alarm that begins where it stands was kept quiet or taken in hand before; it goes to nobody else.
        name = "resumed" if place == Place(row["step"], row["round"]) else "escalated"
        data = {"step": place.step + 1, "round": place.round + 1}
        change = Change("alarm", row["id"], name, f"step {place.step + 1}: {why}", row["id"], data=data)
        events.record(work.tx, work.now, [change])
    if lines is None:
        lines = people_of(work, row, plan, place)
    note_left_out(work, row, lines.left_out)
    note_left_alone(work, row["id"], lines.left_alone)
    if not lines.lines:
        is_for_now = bool(lines.left_alone) or any(one.is_for_now for one in lines.left_out)
        return Reach.NOBODY_NOW if is_for_now else Reach.NOBODY
    page(work.tx, work.now, told_of(work, row, plan, step.message), lines.lines, place, why)
    work.aftermath.due = True
    return Reach.SOMEBODY


def people_of(work: Work, row: Any, plan: AlarmPlan, place: Place) -> Lines:
    """Whom a step of the plan means now, without those who have handed the alarm on."""
    spec = plan.steps[place.step]
    asked = asked_of(row, plan, spec.message)
    found = lines_of(work.tx, work.now, spec.to, spec.mode, asked, Rules.of(work.core.settings))
    return without_handed_on(work.tx, row["id"], plan, place.round, found)


def _wait_for_somebody(work: Work, row: Any, plan: AlarmPlan, place: Place) -> None:
    """Let what is left of the round take its time, since nobody can be called in it now."""
    until = work.now + timedelta(seconds=plan.course.rest(place))
    why = f"nobody can be called in what is left of its steps; looked for until {until:%H:%M:%S} UTC"
    plan = plan.model_copy(update={"nobody_since": work.now})
    write(
        work,
        row["id"],
        step=place.step,
        round=place.round,
        plan=plan.document(),
        next_at=min(until, work.now + LOOK_FOR_SOMEBODY),
        held_why=why,
        held_by=None,
    )
    events.record(work.tx, work.now, [Change("alarm", row["id"], "nobody", why, row["id"])])
    work.count.add(catalogue.ALARMS_NOBODY)
    look_when_hours_change(work, row["id"], plan)


def _no_longer_waiting(work: Work, row: Any, plan: AlarmPlan) -> AlarmPlan:
    if plan.nobody_since is None:
        return plan
    plan = plan.model_copy(update={"nobody_since": None})
    write(work, row["id"], plan=plan.document())
    return plan


def call_next(
    work: Work, row: Any, plan: AlarmPlan, step: int, rows: Sequence[Any], chosen: Sequence[str]
) -> None:
    """Call the next in the lines of a step: those of its pages (``rows``) that are chosen."""
    if not chosen:
        return
    told = told_of(work, row, plan, plan.steps[step].message)
    waiting = [page for page in rows if page.id in chosen]
    used = [used_before(work.tx, page, rows) for page in waiting]
    call_waiting(work.tx, work.now, told, waiting, "those before were not reached", used)
    work.aftermath.due = True


def after_step(work: Work, row: Any, plan: AlarmPlan, place: Place) -> None:
    """Write down where the alarm is, and when it is looked at again."""
    values: dict[str, Any] = {"step": place.step, "round": place.round, "held_why": None, "held_by": None}
    known = pages_since(work.tx, row["id"], place.round)
    here = pages_at(known, place)
    decision = decide(plan.course, place, work.now, as_known(here), work.now)
    next_at = next_look(work, decision, known)
    values["next_at"] = next_at
    if not _is_just_raised_with(work, row, values):
        write(work, row["id"], **values)
    if not here and next_at is None:
        work.aftermath.add(ledger.end_if_exhausted(work.tx, work.now, row["id"]))
    look_when_hours_change(work, row["id"], plan)


def _is_just_raised_with(work: Work, row: Any, values: Mapping[str, Any]) -> bool:
    """Whether this transaction has raised the alarm, and with these values already."""
    return row["created_at"] == work.now and all(row.get(name) == value for name, value in values.items())


def next_look(work: Work, decision: Decision, pages: Iterable[Any]) -> datetime | None:
    """When the alarm is looked at by the clock; empty only when nothing is to come but the end of calls.

    ``pages`` are the alarm's of this round and later ones.
    """
    known = list(pages)
    times = [at for at in (decision.next_at, look_at(work.now, known)) if at is not None]
    if times:
        return min(times)
    has_more = decision.has_more or any(page.state == PageState.WAITING for page in known)
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
    new = {f"new_{name}": value for name, value in values.items()}
    _writing(*values).run(work.tx, of_alarm=alarm_id, new_updated_at=work.now, **new)


@cache
def _writing(*names: str) -> Prepared:
    changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("updated_at", *names)}
    return Prepared(update(_alarms).where(_alarms.c.id == bindparam("of_alarm")).values(changed))
