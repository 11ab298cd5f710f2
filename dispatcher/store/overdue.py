"""Channels that have been held for longer than any call lasts, with nothing heard of their calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select

from dispatcher.store.tables import HELD, Attempt, table

_attempts = table(Attempt)
_SIGNS = (
    _attempts.c.dialed_at,
    _attempts.c.accepted_at,
    _attempts.c.doubted_at,
    _attempts.c.ringing_at,
    _attempts.c.answered_at,
    _attempts.c.prompt_ended_at,
    _attempts.c.released_at,
)


def _overdue() -> Select[Any]:
    silent = [or_(sign.is_(None), sign < bindparam("before")) for sign in _SIGNS]
    columns = (
        _attempts.c.id,
        _attempts.c.call_id,
        _attempts.c.pbx,
        _attempts.c.trunk,
        _attempts.c.claimed_at,
    )
    return select(*columns).where(HELD, _attempts.c.claimed_at < bindparam("before"), *silent)


_OVERDUE = _overdue()


def overdue(tx: Connection, before: datetime) -> Sequence[Any]:
    """The attempts (id, call_id, pbx, trunk, claimed_at) that hold a channel and of which nothing is
    known that is younger than ``before``."""
    return tx.execute(_OVERDUE, {"before": before}).all()
