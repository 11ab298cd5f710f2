"""What waits for a channel at all: one look before any trunk is locked.

Most wake-ups find nothing that is due: a channel became free and nobody wants it. To lock each trunk and to
count what is on it only to learn that costs ten statements and a wait for the disk.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, select

from dispatcher.domain.vocabulary import CallState
from dispatcher.lines import Line
from dispatcher.pacer.lanes import RUNNING
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Call, among, table

_calls = table(Call)
_DUE = (
    among(_calls.c.state, CallState.QUEUED),
    _calls.c.alarm_id.is_not(None),
    _calls.c.due_at <= bindparam("now"),
)
_LOOK = Prepared(
    select(
        exists().where(*_DUE, _calls.c.number.is_not(None)).label("numbers"),
        exists().where(*_DUE, _calls.c.number.is_(None)).label("extensions"),
        RUNNING.exists().label("campaigns"),
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whether alarms' calls to outside numbers, theirs to extensions and users, and campaigns' are due."""

    numbers: bool = True
    extensions: bool = True
    campaigns: bool = True

    def on(self, line: Line) -> bool:
        """Whether anything that is due could go out on this line. Campaigns call outside numbers only."""
        return self.extensions if line.is_internal else self.numbers or self.campaigns


WHATEVER = Wanted()
"""Nobody has looked: anything may be due."""


def look(tx: Connection, now: datetime) -> Wanted:
    """What is due now. What becomes due later has a wake-up of its own, which follows its commit."""
    [row] = _LOOK.all(tx, now=now)
    return Wanted(bool(row.numbers), bool(row.extensions), bool(row.campaigns))
