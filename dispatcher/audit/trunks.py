"""Trunks: that they carry no more than they may, and all that they could."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from dispatcher.audit.forgotten import forgotten
from dispatcher.audit.invariant import MOST, Invariant
from dispatcher.core import Core
from dispatcher.store import trunks
from dispatcher.store.tables import HELD, Attempt, Event, table

_attempts, _events = table(Attempt), table(Event)


def _over_limit(core: Core, tx: Connection) -> Sequence[str]:
    """Trunks on which we hold more than their limit, unless that has been changed since."""
    found = []
    for row, load in trunks.loads(tx, core.clock()):
        if load.alarms + load.campaigns <= load.channels:
            continue
        name = f"{row.pbx}/{row.name}"
        first = select(func.min(_attempts.c.claimed_at)).where(
            HELD, _attempts.c.pbx == row.pbx, _attempts.c.trunk == row.name
        )
        changed = select(_events.c.id).where(
            _events.c.subject_id == name,
            _events.c.subject == "trunk",
            _events.c.name == "changed",
            _events.c.at >= first.scalar_subquery(),
        )
        if tx.execute(changed.limit(1)).first() is None:
            found.append(name)
    return found[:MOST]


TRUNKS = (
    Invariant(
        "due_call_not_dialled",
        "a call has been due for over a minute, although a trunk that may carry it has free channels",
        "Look whether a pacer runs, and at its log; the call's `waiting_for` says what it waits for",
        forgotten,
    ),
    Invariant(
        "trunk_over_limit",
        "more of our calls are on a trunk than its limit allows",
        "Look at the PBX's outbound routes: calls may take another trunk than the one they were placed on. "
        "Right after a limit was lowered in the configuration it passes by itself",
        _over_limit,
    ),
)
