"""How many calls for alarms one person takes: those beyond the limit wait until it allows one more."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from dispatcher.domain.vocabulary import CallState
from dispatcher.store import events
from dispatcher.store.events import Change
from dispatcher.store.tables import Attempt, Call, among, table

_attempts, _calls = table(Attempt), table(Call)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_MADE = (
    select(_calls.c.callee, _attempts.c.claimed_at)
    .join(_attempts, _attempts.c.call_id == _calls.c.id)
    .where(
        _calls.c.callee.in_(bindparam("callees", expanding=True)),
        _attempts.c.claimed_at > bindparam("since"),
    )
    .order_by(_attempts.c.claimed_at.desc())
)
_PUT_OFF = (
    update(_calls)
    .where(_calls.c.id == bindparam("of_call"), among(_calls.c.state, CallState.QUEUED))
    .values(due_at=bindparam("new_due_at"))
)


def allowed_at(
    made: Sequence[datetime], now: datetime, per_minute: int | None, per_hour: int | None
) -> datetime:
    """When one more call may be made to somebody who was called at the times ``made``, newest first."""
    at = now
    for most, span in ((per_minute, _MINUTE), (per_hour, _HOUR)):
        if most is not None and len(made) >= most:
            at = max(at, made[most - 1] + span)
    return at


def within_limits(tx: Connection, now: datetime, due: Sequence[Any]) -> list[Any]:
    """The calls that may be made now; the others are put off until their callees' limits allow them."""
    callees = sorted({row.callee for row in due if row.most_per_minute or row.most_per_hour})
    if not callees:
        return list(due)
    made: dict[str, list[datetime]] = {callee: [] for callee in callees}
    for row in tx.execute(_MADE, {"callees": callees, "since": now - _HOUR}):
        made[row.callee].append(row.claimed_at)
    allowed, changes = [], []
    for row in due:
        at = allowed_at(made.get(row.callee, ()), now, row.most_per_minute, row.most_per_hour)
        if at <= now:
            allowed.append(row)
            continue
        tx.execute(_PUT_OFF, {"of_call": row.id, "new_due_at": at})
        why = f"its callee takes no more calls for alarms before {at:%H:%M:%S} UTC"
        changes.append(Change("call", row.id, "limited", why, alarm_id=row.alarm_id))
    events.record(tx, now, changes)
    return allowed
