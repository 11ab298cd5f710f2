"""Calls that are put through to somebody else by hand: who asked for it, and who has taken it up.

The event rows of the call are all that there is of it: its story says what was asked, and what came of it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from dispatcher.domain.vocabulary import TargetKind
from dispatcher.store import events
from dispatcher.store.attempts import Case
from dispatcher.store.events import Change
from dispatcher.store.tables import Event, table

ASKED, SENT, DONE, FAILED = STEPS = "transfer_asked", "transfer_sent", "transfer_done", "transfer_failed"
"""What happens to a call, in this order; one of the last two comes in the end."""

_events = table(Event)
_NEWEST = (
    select(_events.c.name, _events.c.data)
    .where(_events.c.name.in_(STEPS))
    .order_by(_events.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a call is to be put through to: an extension of its PBX, or a number in E.164."""

    kind: TargetKind
    to: str


def ask(tx: Connection, now: datetime, case: Case, wanted: Wanted, by: str) -> None:
    """Write down that a call is to be put through."""
    data = {"kind": str(wanted.kind), "to": wanted.to}
    _record(tx, now, case, ASKED, f"to {wanted.to}, by {by}", data)


def take_up(tx: Connection, now: datetime, case: Case) -> Wanted | None:
    """What was asked for last, once; None where nothing was, or it has been taken up. The case is locked."""
    of_attempt = _events.c.subject_id == case.call_id, _events.c.attempt_id == case.attempt_id
    row = tx.execute(_NEWEST.where(*of_attempt)).one_or_none()
    if row is None or row.name != ASKED:
        return None
    _record(tx, now, case, SENT, f"to {row.data['to']}")
    return Wanted(TargetKind(row.data["kind"]), row.data["to"])


def done(tx: Connection, now: datetime, case: Case, wanted: Wanted) -> None:
    """The PBX has done it."""
    _record(tx, now, case, DONE, f"to {wanted.to}")


def failed(tx: Connection, now: datetime, case: Case, why: str) -> None:
    """The PBX has not done it, as far as is known."""
    _record(tx, now, case, FAILED, why)


def _record(
    tx: Connection, now: datetime, case: Case, name: str, cause: str, data: dict[str, str] | None = None
) -> None:
    change = Change(
        "call",
        case.call_id,
        name,
        cause=cause,
        alarm_id=case.alarm_id,
        campaign_id=case.campaign_id,
        attempt_id=case.attempt_id,
        data=data,
    )
    events.record(tx, now, [change])
