"""Taking an alarm further: at its raising, when a call has ended, a key was pressed, a time has come."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from dispatcher.domain.escalation import Decision, PageNow, Place, Standing, decide, next_in_lines
from dispatcher.domain.vocabulary import (
    OPEN_CALL_STATES,
    AlarmStatus,
    CallState,
    PageState,
    Purpose,
)
from dispatcher.errors import Unknown
from dispatcher.escalation import keys
from dispatcher.escalation.holding import Hold, hold_at_first, hold_on, hours_change
from dispatcher.escalation.lines import Lines, lines_of
from dispatcher.escalation.paging import call_waiting, page
from dispatcher.escalation.recipients import LeftOut, Rules
from dispatcher.escalation.saying import asked_of, told_of
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan, begun_anew
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import end_delivered, of_alarm
from dispatcher.store.tables import Alarm, among, table
from dispatcher.work import Work

_log = logging.getLogger(__name__)

_alarms = table(Alarm)
_LOCKED = select(_alarms)

LONGEST_WAIT = timedelta(hours=1)
"""An alarm that waits for a call's end is looked at so often all the same, should that end be missed."""


def begin(work: Work, row: dict[str, Any], plan: AlarmPlan, lines: Lines | None = None) -> None:
    """Start an alarm that has just been raised: call the people of its first step, unless it is held.

    ``lines`` are those people, where the caller has sorted them out already.
    """
    hold = hold_at_first(work.tx, work.now, row, plan)
    if hold is not None:
        _hold(work, row, hold)
        return
    go_on(work, row, plan, Place(), "the alarm was raised", lines)


def advance(work: Work, alarm_id: str) -> None:
    """Look at an alarm whose time has come, and do what its plan says. Does nothing for one that has ended.

    Whoever else looks at the same alarm waits for the end of this transaction.
    """
    row = work.tx.execute(_LOCKED.where(_alarms.c.id == alarm_id).with_for_update()).mappings().one_or_none()
    if row is None or row["next_at"] is None:
        return
    plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    if row["status"] not in (AlarmStatus.OPEN, AlarmStatus.ACKNOWLEDGED):
        # Who wants no calls says so in one that went on after the alarm's end, too.
        keys.act(work, row, plan, only=keys.AFTER_THE_END)
        write(work, alarm_id, next_at=None)
        return
    wish = keys.act(work, row, plan)
    if wish is keys.Wish.NOTHING_MORE:
        return
    if row["status"] == AlarmStatus.ACKNOWLEDGED:
        _remind(work, row, plan)
        return
    if _is_over(row, work.now):
        write(work, alarm_id, next_at=None)
        return
    if wish is keys.Wish.GO_ON:
        plan = _past_holds(work, alarm_id, plan)
    if plan.steps and not has_begun(work.tx, row):
        _begin_if_free(work, row, plan)
        return
    # Without steps, an alarm of an earlier release has no more than the calls that it began with.
    hold = hold_on(work.tx, work.now, row, plan) if plan.steps else None
    if hold is not None:
        _quieten(work, row, plan, hold)
        return
    _decide(work, row, plan, at_once=wish is keys.Wish.GO_ON)


def _past_holds(work: Work, alarm_id: str, plan: AlarmPlan) -> AlarmPlan:
    """Somebody asks to go on: what holds the alarm now does not hold it any more."""
    plan = plan.model_copy(update={"asked_at": work.now})
    write(work, alarm_id, plan=plan.document())
    return plan


def go_on_at_once(work: Work, alarm_id: str, by: str) -> bool:
    """Go on to the alarm's next step without waiting; False when it is not open or there is none."""
    row = work.tx.execute(_LOCKED.where(_alarms.c.id == alarm_id).with_for_update()).mappings().one_or_none()
    if row is None:
        raise Unknown("alarm", alarm_id)
    plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    if row["status"] != AlarmStatus.OPEN or not plan.steps:
        return False
    if not has_begun(work.tx, row):
        plan = _past_holds(work, alarm_id, plan)
        go_on(work, row, plan, Place(row["step"], row["round"]), f"asked for by {by}")
        return True
    following = plan.course.after(Place(row["step"], row["round"]))
    if following is None:
        return False
    plan = _past_holds(work, alarm_id, plan)
    end_delivered(work.tx, work.now, alarm_id, f"{by} asked to go on")
    go_on(work, row, plan, following, f"asked for by {by}")
    return True


def has_begun(tx: Connection, row: Any) -> bool:
    """Whether anybody has been paged in the present round; a new one begins after a silence, a reminder."""
    return any(
        page.purpose == Purpose.ALARM and page.round >= row["round"] for page in of_alarm(tx, row["id"])
    )


def pages_since(tx: Connection, alarm_id: str, since_round: int) -> list[Any]:
    """The alarm's pages of this round and later ones, without those that call back."""
    return [page for page in of_alarm(tx, alarm_id, since_round) if page.purpose == Purpose.ALARM]


def _is_over(row: Any, now: datetime) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= now


def _begin_if_free(work: Work, row: Any, plan: AlarmPlan, why: str = "its time has come") -> None:
    hold = hold_at_first(work.tx, work.now, row, plan)
    if hold is not None:
        _hold(work, row, hold)
        return
    was = row["held_why"]
    why = f"nothing holds it any more ({was})" if was else why
    go_on(work, row, plan, Place(row["step"], row["round"]), why)


def _decide(work: Work, row: Any, plan: AlarmPlan, *, at_once: bool) -> None:
    place = Place(row["step"], row["round"])
    if at_once:
        end_delivered(work.tx, work.now, row["id"], "a key asked to go on")
    known = pages_since(work.tx, row["id"], plan.first_round)
    if any(_standing(page) is Standing.DELIVERED for page in known):
        write(work, row["id"], next_at=None)
        return
    rows = _at(known, place)
    for step in range(row["step"]):
        before = _at(known, Place(step, row["round"]))
        _call_next(work, row, plan, step, before, next_in_lines(_as_known(before)))
    began_at = min((page.created_at for page in rows), default=work.now)
    decision = decide(plan.course, place, began_at, _as_known(rows), work.now, at_once=at_once)
    _carry_out(work, row, plan, decision, rows)


def _at(rows: Sequence[Any], place: Place) -> list[Any]:
    return [page for page in rows if (page.step, page.round) == (place.step, place.round)]


def _as_known(rows: Sequence[Any]) -> list[PageNow]:
    return [PageNow(page.id, page.line, page.position, _standing(page)) for page in rows]


def _standing(page: Any) -> Standing:
    if page.state != PageState.CALLING:
        return Standing.WAITING if page.state == PageState.WAITING else Standing.FAILED
    if page.call_state == CallState.DELIVERED:
        return Standing.DELIVERED
    return Standing.CALLING if page.call_state in OPEN_CALL_STATES else Standing.FAILED


def _carry_out(work: Work, row: Any, plan: AlarmPlan, decision: Decision, rows: Sequence[Any]) -> None:
    _call_next(work, row, plan, row["step"], rows, decision.call)
    if decision.move_to is not None:
        go_on(work, row, plan, decision.move_to, decision.why)
        return
    next_at = _next_look(work, row, Place(row["step"], row["round"]), decision)
    write(work, row["id"], next_at=next_at)
    if next_at is None:
        work.aftermath.add(ledger.end_if_exhausted(work.tx, work.now, row["id"]))
    _look_when_hours_change(work, row["id"], plan)


def _call_next(
    work: Work, row: Any, plan: AlarmPlan, step: int, rows: Sequence[Any], chosen: Sequence[str]
) -> None:
    """Call the next in the lines of a step: those of its pages that are chosen."""
    if not chosen:
        return
    told = told_of(work, row, plan, plan.steps[step].message)
    waiting = [page for page in rows if page.id in chosen]
    call_waiting(work.tx, work.now, told, waiting, "those before were not reached")
    work.aftermath.due = True


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


def _after_step(work: Work, row: Any, plan: AlarmPlan, place: Place) -> None:
    """Write down where the alarm is, and when it is looked at again."""
    values: dict[str, Any] = {"step": place.step, "round": place.round, "held_why": None, "held_by": None}
    here = _at(pages_since(work.tx, row["id"], place.round), place)
    decision = decide(plan.course, place, work.now, _as_known(here), work.now)
    next_at = _next_look(work, row, place, decision)
    write(work, row["id"], next_at=next_at, **values)
    if not here and next_at is None:
        work.aftermath.add(ledger.end_if_exhausted(work.tx, work.now, row["id"]))
    _look_when_hours_change(work, row["id"], plan)


def _next_look(work: Work, row: Any, place: Place, decision: Decision) -> datetime | None:
    """When the alarm is looked at by the clock; empty only when nothing is to come but the end of calls."""
    if decision.next_at is not None:
        return decision.next_at
    pages = pages_since(work.tx, row["id"], place.round)
    has_more = decision.has_more or any(page.state == PageState.WAITING for page in pages)
    return work.now + LONGEST_WAIT if has_more else None


def _look_when_hours_change(work: Work, alarm_id: str, plan: AlarmPlan) -> None:
    """Look at an open alarm at the latest when the hours end in which it may call."""
    changes_at = hours_change(work.now, plan)
    if changes_at is not None:
        later = _alarms.c.next_at.is_(None) | (_alarms.c.next_at > changes_at)
        is_open = among(_alarms.c.status, AlarmStatus.OPEN)
        work.tx.execute(
            update(_alarms).where(_alarms.c.id == alarm_id, is_open, later).values(next_at=changes_at)
        )


def _hold(work: Work, row: Any, hold: Hold) -> None:
    """Keep an alarm from calling anybody for now, and say why, once."""
    write(work, row["id"], next_at=hold.until, held_why=hold.why, held_by=hold.by)
    if hold.why != row.get("held_why"):
        events.record(work.tx, work.now, [Change("alarm", row["id"], "held", hold.why, row["id"])])


def _quieten(work: Work, row: Any, plan: AlarmPlan, hold: Hold) -> None:
    """Stop calling for an alarm that has begun to.

    Once nothing holds it any more it begins anew; where somebody has listened, with the step that was under
    way; and what has been delivered stays so: nobody is called again.
    """
    tx, now, alarm_id = work.tx, work.now, row["id"]
    known = pages_since(tx, alarm_id, plan.first_round)
    if any(_standing(page) is Standing.DELIVERED for page in known):
        work.aftermath.add(ledger.withdraw_waiting(tx, now, alarm_id, work.count, hold.why))
        write(work, alarm_id, next_at=None)
        return
    work.aftermath.add(ledger.withdraw_alarm(tx, now, alarm_id, work.count, hold.why))
    following = row["round"] + 1
    if keys.was_heard(tx, known):
        step, changed = row["step"], plan.model_copy(update={"first_round": plan.first_round + 1})
    else:
        step, changed = 0, begun_anew(plan, following)
    write(work, alarm_id, step=step, round=following, plan=changed.document())
    _hold(work, row, hold)


def _remind(work: Work, row: Any, plan: AlarmPlan) -> None:
    """Open an acknowledged alarm again that nobody has resolved, once its plan asks for that."""
    since = row["acknowledged_at"]
    due_at = None if plan.remind_after is None else since + timedelta(seconds=plan.remind_after)
    if due_at is not None and row["expires_at"] is not None and due_at >= row["expires_at"]:
        due_at = None
    if due_at is None or due_at > work.now:
        write(work, row["id"], next_at=due_at)
        return
    cause = f"acknowledged by {row['acknowledged_by']} at {since:%H:%M:%S} UTC, and not resolved since"
    following = row["round"] + 1
    plan = begun_anew(plan, following)
    anew = {"status": AlarmStatus.OPEN, "step": 0, "round": following, "plan": plan.document()}
    write(work, row["id"], **anew)
    change = Change("alarm", row["id"], "reopened", cause, row["id"])
    events.record(work.tx, work.now, [change])
    _begin_if_free(work, dict(row) | anew, plan, "nobody has resolved it")


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
