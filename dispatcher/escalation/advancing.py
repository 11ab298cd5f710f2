"""Taking an alarm further: at its raising, when a call has ended, a key was pressed, a time has come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dispatcher.domain.escalation import Decision, Place, Standing, decide, next_in_lines
from dispatcher.domain.vocabulary import (
    AlarmStatus,
)
from dispatcher.errors import Unknown
from dispatcher.escalation import keys
from dispatcher.escalation.holding import Hold, hold_at_first, hold_on
from dispatcher.escalation.lines import Lines
from dispatcher.escalation.nobody import look_for_somebody
from dispatcher.escalation.passing_over import pass_over
from dispatcher.escalation.stepping import (
    as_known,
    call_next,
    go_on,
    has_begun,
    look_when_hours_change,
    next_look,
    pages_at,
    pages_since,
    standing,
    write,
)
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan, begun_anew
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import end_delivered, end_one, has_reached
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, table
from dispatcher.work import Work

_alarms = table(Alarm)
_LOCKED = Prepared(select(_alarms).where(_alarms.c.id == bindparam("of_alarm")).with_for_update())


def begin(work: Work, row: dict[str, Any], plan: AlarmPlan, lines: Lines | None = None) -> None:
    """Start an alarm that has just been raised: call the people of its first step, unless it is held.

    ``lines`` are those people, where the caller has sorted them out already.
    """
    hold = hold_at_first(work.tx, work.now, row, plan)
    if hold is not None:
        _hold(work, row, plan, hold)
        return
    go_on(work, row, plan, Place(), "the alarm was raised", lines)


def advance(work: Work, alarm_id: str) -> None:
    """Look at an alarm whose time has come, and do what its plan says. Does nothing for one that has ended.

    Whoever else looks at the same alarm waits for the end of this transaction.
    """
    row = _locked(work.tx, alarm_id)
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


def _locked(tx: Connection, alarm_id: str) -> dict[str, Any] | None:
    """Lock an alarm's row; its columns by name, or None when there is none."""
    rows = _LOCKED.all(tx, of_alarm=alarm_id)
    return rows[0]._asdict() if rows else None


def _past_holds(work: Work, alarm_id: str, plan: AlarmPlan) -> AlarmPlan:
    """Somebody asks to go on: what holds the alarm now does not hold it any more."""
    plan = plan.model_copy(update={"asked_at": work.now})
    write(work, alarm_id, plan=plan.document())
    return plan


def go_on_at_once(work: Work, alarm_id: str, by: str) -> bool:
    """Go on to the alarm's next step without waiting; False when it is not open or there is none."""
    row = _locked(work.tx, alarm_id)
    if row is None:
        raise Unknown("alarm", alarm_id)
    plan = AlarmPlan.model_validate(row["plan"] or {"steps": []})
    if row["status"] != AlarmStatus.OPEN or not plan.steps:
        return False
    if not has_begun(work.tx, row):
        plan = _past_holds(work, alarm_id, plan)
        go_on(work, row, plan, Place(row["step"], row["round"]), f"asked for by {by}", asked=True)
        return True
    following = plan.course.after(Place(row["step"], row["round"]))
    if following is None:
        return False
    plan = _past_holds(work, alarm_id, plan)
    end_delivered(work.tx, work.now, alarm_id, f"{by} asked to go on")
    go_on(work, row, plan, following, f"asked for by {by}", asked=True)
    return True


def _is_over(row: Any, now: datetime) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= now


def _begin_if_free(work: Work, row: Any, plan: AlarmPlan, why: str = "its time has come") -> None:
    hold = hold_at_first(work.tx, work.now, row, plan)
    if hold is not None:
        if plan.nobody_since is not None:
            write(work, row["id"], plan=plan.model_copy(update={"nobody_since": None}).document())
        _hold(work, row, plan, hold)
        return
    if plan.nobody_since is not None:
        if not _is_told(work, row, _pages_that_count(work, row, plan)):
            look_for_somebody(work, row, plan)
        return
    was = row["held_why"]
    why = f"nothing holds it any more ({was})" if was else why
    go_on(work, row, plan, Place(row["step"], row["round"]), why)


def _decide(work: Work, row: Any, plan: AlarmPlan, *, at_once: bool) -> None:
    place = Place(row["step"], row["round"])
    if at_once:
        end_delivered(work.tx, work.now, row["id"], "a key asked to go on")
    known = _pages_that_count(work, row, plan)
    if _is_told(work, row, known):
        return
    if pass_over(work, row, plan, known):
        known = pages_since(work.tx, row["id"], plan.first_round)
    rows = pages_at(known, place)
    for step in range(row["step"]):
        before = pages_at(known, Place(step, row["round"]))
        call_next(work, row, plan, step, before, next_in_lines(as_known(before)))
    if plan.nobody_since is not None and not (at_once and plan.course.next_round(place)):
        look_for_somebody(work, row, plan)
        return
    began_at = min((page.created_at for page in rows), default=work.now)
    decision = decide(plan.course, place, began_at, as_known(rows), work.now, at_once=at_once)
    _carry_out(work, row, plan, decision, rows, asked=at_once)


def _pages_that_count(work: Work, row: Any, plan: AlarmPlan) -> list[Any]:
    """The alarm's pages, of which those have ended whose calls had a key that does nothing for this alarm.

    What a key does is looked up when the alarm is looked at, and a graver repeat may have changed it.
    """
    known = pages_since(work.tx, row["id"], plan.first_round)
    delivered = [page for page in known if standing(page) is Standing.DELIVERED]
    void = [page for page in delivered if not has_reached(page, row["delivered_when"])]
    if not void:
        return known
    for page in void:
        end_one(work.tx, work.now, page.id, "the key pressed in its call does nothing for this alarm")
    return pages_since(work.tx, row["id"], plan.first_round)


def _is_told(work: Work, row: Any, known: Sequence[Any]) -> bool:
    """Whether somebody was told of the alarm as it asks for; then nothing more is planned for it."""
    if not any(standing(page) is Standing.DELIVERED for page in known):
        return False
    write(work, row["id"], next_at=None, held_why=None, held_by=None)
    return True


def _carry_out(
    work: Work, row: Any, plan: AlarmPlan, decision: Decision, rows: Sequence[Any], *, asked: bool
) -> None:
    call_next(work, row, plan, row["step"], rows, decision.call)
    if decision.move_to is not None:
        go_on(work, row, plan, decision.move_to, decision.why, asked=asked)
        return
    next_at = next_look(work, decision, pages_since(work.tx, row["id"], row["round"]))
    write(work, row["id"], next_at=next_at)
    if next_at is None:
        work.aftermath.add(ledger.end_if_exhausted(work.tx, work.now, row["id"]))
    look_when_hours_change(work, row["id"], plan)


def _hold(work: Work, row: Any, plan: AlarmPlan, hold: Hold) -> None:
    """Keep an alarm from calling anybody for now, and say why, once."""
    values: dict[str, Any] = {"next_at": hold.until, "held_why": hold.why, "held_by": hold.by}
    if hold.is_group:
        values["plan"] = plan.model_copy(update={"gathered_until": hold.until}).document()
    write(work, row["id"], **values)
    if hold.why != row.get("held_why"):
        events.record(work.tx, work.now, [Change("alarm", row["id"], "held", hold.why, row["id"])])


def _quieten(work: Work, row: Any, plan: AlarmPlan, hold: Hold) -> None:
    """Stop calling for an alarm that has begun to.

    Once nothing holds it any more it begins anew; where somebody has listened, with the step that was under
    way; and what has been delivered stays so: nobody is called again.
    """
    tx, now, alarm_id = work.tx, work.now, row["id"]
    known = pages_since(tx, alarm_id, plan.first_round)
    if any(standing(page) is Standing.DELIVERED for page in known):
        work.aftermath.add(ledger.withdraw_waiting(tx, now, alarm_id, work.count, hold.why))
        write(work, alarm_id, next_at=None)
        return
    work.aftermath.add(ledger.withdraw_alarm(tx, now, alarm_id, work.count, hold.why))
    following = row["round"] + 1
    if keys.was_heard(tx, known):
        step = row["step"]
        changed = plan.model_copy(update={"first_round": plan.first_round + 1, "nobody_since": None})
    else:
        step, changed = 0, begun_anew(plan, following)
    write(work, alarm_id, step=step, round=following, plan=changed.document())
    _hold(work, row, changed, hold)


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
