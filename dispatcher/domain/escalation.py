"""How an alarm goes on from one person to the next. Pure: what is known is an argument, and so is the time.

A plan has steps, gone through in order and, if it says so, again. A step has lines: people in one line
are called one after the other, the lines at the same time. Once a step's wait is over without anybody
having the alarm in hand, or as soon as everybody in it has been tried in vain, the next step begins; the
lines of the steps before go on. A new round calls the same people: it waits for its time in any case. A
step with nobody to call is passed over at once for one with somebody; where there is none in what is left
of the round, that takes its time all the same, so that a gap of an hour does not use up all rounds at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

USUAL_WAIT = 300.0
"""Seconds before the next step, where a step that has one after it says nothing."""
LEAST_REST = 60.0
"""Seconds that what is left of a round with nobody to call takes at least, whatever its steps wait."""


class Standing(StrEnum):
    """How one page of a step stands. ``failed``: its call ended in vain, or the page was taken back."""

    WAITING = "waiting"
    CALLING = "calling"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PageNow:
    """One page of the step that is under way."""

    id: str
    line: int
    position: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its plan an alarm is: the step, and how often all steps have been gone through."""

    step: int = 0
    round: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """The shape of a plan: how long each step waits before the next, and how many rounds there are.

    ``waits`` has an entry for each step: seconds, or None for a step that waits for its calls alone.
    """

    waits: tuple[float | None, ...]
    rounds: int = 1

    def after(self, place: Place) -> Place | None:
        """The place that follows, or None when the plan ends there."""
        if place.step + 1 < len(self.waits):
            return Place(place.step + 1, place.round)
        if place.round + 1 < self.rounds:
            return Place(0, place.round + 1)
        return None

    def rest(self, place: Place) -> float:
        """Seconds that the steps from ``place`` to the end of its round take, with nobody in any of them."""
        waits = [USUAL_WAIT if wait is None else wait for wait in self.waits[place.step :]]
        return max(LEAST_REST, sum(waits))

    def next_round(self, place: Place) -> Place | None:
        """Where the round after that of ``place`` begins, or None when there is none."""
        return self.after(Place(len(self.waits) - 1, place.round))


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now: pages to call, and the place to move on to.

    ``next_at`` is when to look again by the clock; None when only a call's end, or nothing at all, can
    change anything. ``has_more`` says whether anything is still to come by itself.
    """

    call: tuple[str, ...] = ()
    move_to: Place | None = None
    why: str = ""
    next_at: datetime | None = None
    has_more: bool = False


def decide(
    course: Course,
    place: Place,
    began_at: datetime,
    pages: Sequence[PageNow],
    now: datetime,
    *,
    at_once: bool = False,
) -> Decision:
    """What an open alarm does next. ``began_at`` is when the step at ``place`` began, with ``pages``.

    A delivered page ends the escalation: what was asked for has been reached. (Where that is a key, the
    alarm is acknowledged by it, and nobody asks.) ``at_once`` is somebody's wish to go on to the next
    step without waiting.
    """
    following = course.after(place)
    if any(page.standing is Standing.DELIVERED for page in pages):
        return Decision()
    due_at = _due_at(course, place, began_at)
    call = next_in_lines(pages)
    is_in_vain = not call and all(page.standing is Standing.FAILED for page in pages)
    is_over = due_at is not None and due_at <= now
    # Whoever did not answer half a second ago does not answer now.
    must_wait = due_at is not None and following is not None and following.round > place.round
    if following is not None and (at_once or is_over or (is_in_vain and not must_wait)):
        return Decision(call=call, move_to=following, why=_why(at_once, is_in_vain), has_more=True)
    waiting = any(page.standing is Standing.WAITING and page.id not in call for page in pages)
    return Decision(
        call=call,
        next_at=due_at if following is not None else None,
        has_more=following is not None or waiting,
    )


def _why(at_once: bool, is_in_vain: bool) -> str:
    if at_once:
        return "asked for"
    return "everybody has been tried in vain" if is_in_vain else "nobody has taken it in hand in time"


def _due_at(course: Course, place: Place, began_at: datetime) -> datetime | None:
    wait = course.waits[place.step] if place.step < len(course.waits) else None
    return None if wait is None else began_at + timedelta(seconds=wait)


def next_in_lines(pages: Sequence[PageNow]) -> tuple[str, ...]:
    """The first waiting page of each line of one step in which nobody is being called."""
    taken: set[int] = {page.line for page in pages if page.standing is Standing.CALLING}
    chosen = []
    for page in sorted(pages, key=lambda page: (page.line, page.position)):
        if page.standing is Standing.WAITING and page.line not in taken:
            taken.add(page.line)
            chosen.append(page.id)
    return tuple(chosen)
