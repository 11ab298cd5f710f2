"""An alarm with nobody left to call in its round: it looks for somebody until its time is over."""

from datetime import timedelta
from typing import Any

from dispatcher.domain.escalation import Place
from dispatcher.escalation.stepping import (
    LOOK_FOR_SOMEBODY,
    after_step,
    go_on,
    look_when_hours_change,
    people_of,
    write,
)
from dispatcher.policies import AlarmPlan
from dispatcher.work import Work


def look_for_somebody(work: Work, row: Any, plan: AlarmPlan) -> None:
    """Call the first step left in the round that has somebody now; else wait on, or begin the next round."""
    place = Place(row["step"], row["round"])
    for step in range(place.step, len(plan.steps)):
        lines = people_of(work, row, plan, Place(step, place.round))
        if lines.lines:
            go_on(work, row, plan, Place(step, place.round), "somebody can be called now", lines)
            return
    until = (plan.nobody_since or work.now) + timedelta(seconds=plan.course.rest(place))
    if until > work.now:
        write(work, row["id"], next_at=min(until, work.now + LOOK_FOR_SOMEBODY))
        look_when_hours_change(work, row["id"], plan)
        return
    following = plan.course.next_round(place)
    if following is None:
        after_step(work, row, plan, Place(len(plan.steps) - 1, place.round))
    else:
        go_on(work, row, plan, following, "nobody could be called in the round before")
