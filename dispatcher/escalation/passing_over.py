"""Calling the next in line in place of somebody whose call can't be placed for now.

Whoever is passed over waits at the end of the line, and is called again if nobody else in it is reached. So
of a line one call at most is about to be made, however long a trunk is away.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update

from dispatcher.domain.escalation import Place, next_in_lines
from dispatcher.escalation.stepping import as_known, call_next, pages_at, pages_since
from dispatcher.escalation.unplaced import Unplaced, unplaced
from dispatcher.ledger import alarms as ledger
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.pages import lock_calls, person_of, wait_behind
from dispatcher.store.tables import Call, table
from dispatcher.work import Work

_calls = table(Call)


def pass_over(work: Work, row: Any, plan: AlarmPlan, known: Sequence[Any]) -> bool:
    """Call the next in line where a call can't be placed; False when there is no such line.

    ``known`` are the alarm's pages. Hunts of earlier rounds are over.
    """
    if not unplaced(work.tx, work.now, _of_round(row, known)):
        return False
    # The pacer may be about to dial them: who holds the calls' locks knows whether it has.
    lock_calls(work.tx, row["id"])
    here = pages_since(work.tx, row["id"], row["round"])
    found = unplaced(work.tx, work.now, _of_round(row, here))
    for one in found:
        _put_behind(work, row, one, here)
    for step in sorted({one.page.step for one in found}):
        lines = {one.page.line: one.page.call_due_at for one in found if one.page.step == step}
        _call_next_of(work, row, plan, Place(step, row["round"]), lines)
    return bool(found)


def _of_round(row: Any, known: Sequence[Any]) -> list[Any]:
    return [page for page in known if page.round == row["round"]]


def _put_behind(work: Work, row: Any, one: Unplaced, known: Sequence[Any]) -> None:
    page = one.page
    why = f"{one.why}; the next in line is called, and this one again if nobody else is reached"
    change = Change("alarm", row["id"], "not_placed", f"{person_of(page)}: {why}", row["id"])
    events.record(work.tx, work.now, [change])
    work.aftermath.add(ledger.withdraw_page(work.tx, work.now, page.id, page.call_id, work.count, why))
    same = [other for other in known if (other.step, other.line) == (page.step, page.line)]
    wait_behind(work.tx, work.now, page, 1 + max(other.position for other in same))


def _call_next_of(work: Work, row: Any, plan: AlarmPlan, place: Place, lines: dict[int, datetime]) -> None:
    """Call the next of these lines. They take the turn that the call before them had for a channel."""
    rows = pages_at(pages_since(work.tx, row["id"], row["round"]), place)
    of_lines = [page for page in rows if page.line in lines]
    chosen = next_in_lines(as_known(of_lines))
    call_next(work, row, plan, place.step, of_lines, chosen)
    for page in pages_at(pages_since(work.tx, row["id"], row["round"]), place):
        if page.id in chosen:
            due_at = lines[page.line]
            earlier = _calls.c.id == page.call_id, _calls.c.due_at > due_at
            work.tx.execute(update(_calls).where(*earlier).values(due_at=due_at))
