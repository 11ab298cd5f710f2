"""Where somebody is being called for an alarm just now."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.domain.pacing import ALARMS
from dispatcher.store.phones import LONGEST_TELLING
from dispatcher.store.tables import HELD, Attempt, table

_attempts = table(Attempt)

LineKey = tuple[str, str]
"""A PBX and its trunk; the trunk is empty for the line to the PBX's own extensions."""


def lines_of_alarms(tx: Connection, now: datetime) -> set[LineKey]:
    """The lines on which a call for an alarm is under way, and has not been for too long."""
    held = select(_attempts.c.pbx, _attempts.c.trunk).where(
        HELD, _attempts.c.lane == ALARMS, _attempts.c.claimed_at > now - LONGEST_TELLING
    )
    return {(row.pbx, row.trunk) for row in tx.execute(held)}


def is_among(lines: set[LineKey], call: Any) -> bool:
    """Whether one of these lines may take a call or the call of a page: to its PBX, and of its kind."""
    return any(call.pbx in (None, pbx) and bool(trunk) is (call.number is not None) for pbx, trunk in lines)
