"""What the keys do that are pressed in an alarm's calls, beside those that acknowledge it.

A key's fact is durable with the report that brought it; its effect comes when the alarm is looked at, once.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from dispatcher.directory import do_not_call
from dispatcher.domain.vocabulary import KeyAction, PageState
from dispatcher.escalation import silences
from dispatcher.escalation.recipients import Callee
from dispatcher.escalation.resolving import resolve
from dispatcher.ledger import alarms as ledger
from dispatcher.ledger.same_person import leave_alone
from dispatcher.policies import AlarmPlan
from dispatcher.store import events
from dispatcher.store.attempts import facts_from
from dispatcher.store.events import Change
from dispatcher.store.pages import of_alarm, pages, tells
from dispatcher.store.tables import Attempt, table
from dispatcher.work import Work

_attempts = table(Attempt)


class Wish(StrEnum):
    """What the keys ask of the escalation."""

    NONE = "none"
    GO_ON = "go_on"
    NOTHING_MORE = "nothing_more"


AFTER_THE_END = frozenset({KeyAction.OPT_OUT, KeyAction.SILENCE})
"""What keys still do that were pressed when the alarm had ended: in a call that went on, or called back."""

_STRENGTH = (Wish.NONE, Wish.GO_ON, Wish.NOTHING_MORE)


def act(work: Work, row: Any, plan: AlarmPlan, only: frozenset[KeyAction] = frozenset(KeyAction)) -> Wish:
    """Give every key its effect that has not had it. ``row`` is the locked alarm's; ``only`` what is done."""
    if not plan.keys and not plan.keys_before:
        return Wish.NONE
    wish = Wish.NONE
    for page, pressed in _new_keys(work, row["id"]):
        for key in pressed:
            action = plan.keys_in(page.called_at or page.call_created_at).get(key)
            if action is None or action is KeyAction.ACKNOWLEDGE or action not in only:
                continue
            wish = max(wish, _do(work, row, plan, page, key, action), key=_STRENGTH.index)
        work.tx.execute(
            update(pages).where(pages.c.id == page.id).values(keys_done=page.keys_done + "".join(pressed))
        )
    return wish


def was_heard(tx: Connection, of_pages: Iterable[Any]) -> bool:
    """Whether somebody has listened in one of the calls of these pages: to the end, or until a key."""
    ids = [page.call_id for page in of_pages if page.call_id is not None]
    query = select(_attempts).where(_attempts.c.call_id.in_(ids))
    found = tx.execute(query).all() if ids else ()
    return any(row.prompt_ended_at is not None or facts_from(row).digits for row in found)


def _new_keys(work: Work, alarm_id: str) -> list[tuple[Any, list[str]]]:
    """The keys of each page that have had no effect yet, in the calls' attempts that told of the alarm."""
    called = [page for page in of_alarm(work.tx, alarm_id) if page.call_id is not None]
    if not called:
        return []
    query = select(_attempts).where(_attempts.c.call_id.in_([page.call_id for page in called]))
    attempts = work.tx.execute(query.order_by(_attempts.c.ordinal)).all()
    found = []
    for page in called:
        left = Counter(page.keys_done)
        new = []
        told = [one for one in attempts if one.call_id == page.call_id and tells(one, page)]
        for key in "".join(facts_from(one).digits for one in told):
            if left[key]:
                left[key] -= 1
            else:
                new.append(key)
        if new:
            found.append((page, new))
    return found


def _do(work: Work, row: Any, plan: AlarmPlan, page: Any, key: str, action: KeyAction) -> Wish:
    who = page.name or page.number or page.extension or page.pbx_user
    cause = f"key {key} by {who}"
    _note(work, row, action, cause)
    match action:
        case KeyAction.ESCALATE:
            why = f"{cause}: it goes on to the next step"
            _end_page(work, page, why)
            work.aftermath.add(leave_alone(work.tx, work.now, page, work.count, why))
            return Wish.GO_ON
        case KeyAction.RESOLVE:
            resolve(work, row["id"], cause, Callee.from_columns(page))
            return Wish.NOTHING_MORE
        case KeyAction.SILENCE:
            _silence(work, row, plan, who, cause)
            # Its quiet is for a while: who asked for it is called again when it is over.
            _end_page(work, page, f"{cause}: it keeps quiet for a while")
            return Wish.NOTHING_MORE
        case KeyAction.OPT_OUT:
            if page.number is not None:
                _opt_out(work, page, who, cause)
            _end_page(work, page, f"{cause}: does not want to be called")
    return Wish.NONE


def _opt_out(work: Work, page: Any, who: str, cause: str) -> None:
    """Enter a number into the do-not-call list, for alarms too: it was one of them that was not wanted.

    What else is to call it for an alarm is taken back, and those alarms go on to somebody else.
    """
    why = f"{cause} in an alarm's call"
    work.aftermath.add(
        do_not_call.opt_out(work.tx, work.now, page.number, work.count, by=who, why=why, alarms_too=True)
    )


def _note(work: Work, row: Any, action: KeyAction, cause: str) -> None:
    change = Change("alarm", row["id"], f"key_{action}", cause, row["id"], data={"action": action})
    events.record(work.tx, work.now, [change])


def _end_page(work: Work, page: Any, why: str) -> None:
    if page.state != PageState.CALLING:
        return
    work.aftermath.add(ledger.withdraw_page(work.tx, work.now, page.id, page.call_id, work.count, why))


def _silence(work: Work, row: Any, plan: AlarmPlan, who: str, cause: str) -> None:
    """Keep quiet about this source for a while: for alarms with the same labels, or the same key.

    This alarm is one of them, and is held when it is looked at next, which is at once.
    """
    until = work.now + timedelta(seconds=plan.silence_for)
    silences.create(work, _matchers(row), ends_at=until, by=who, why=f"{cause} in a call")


def _matchers(row: Any) -> list[dict[str, str]]:
    labels = {name: value for name, value in (row["labels"] or {}).items() if name != "severity"}
    if not labels:
        labels = {"dedup_key": row["dedup_key"]} if row["dedup_key"] else {"summary": row["summary"]}
    labels.setdefault("source", row["source"])
    return [{"label": name, "op": "=", "value": value} for name, value in sorted(labels.items())]
