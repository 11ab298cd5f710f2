"""Channels that have been held for longer than any call lasts, with no sign of life of their calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, or_, select

from dispatcher.store.tables import HELD, Attempt, Doubt, table

_attempts, _doubts = table(Attempt), table(Doubt)
SIGNS = (
    _attempts.c.dialed_at,
    _attempts.c.accepted_at,
    _attempts.c.doubted_at,
    _attempts.c.ringing_at,
    _attempts.c.answered_at,
    _attempts.c.prompt_ended_at,
    _attempts.c.released_at,
)
"""What says for how long nothing has been heard of an open call."""


def _overdue() -> Select[Any]:
    silent = [or_(sign.is_(None), sign < bindparam("before")) for sign in SIGNS]
    shown = exists().where(_doubts.c.attempt_id == _attempts.c.id, _doubts.c.shown_at >= bindparam("before"))
    return select(
        _attempts.c.id,
        _attempts.c.call_id,
        _attempts.c.pbx,
        _attempts.c.trunk,
        _attempts.c.claimed_at,
    ).where(HELD, _attempts.c.claimed_at < bindparam("before"), *silent, ~shown)


_OVERDUE = _overdue()


def overdue(tx: Connection, before: datetime) -> Sequence[Any]:
    """The attempts (id, call_id, pbx, trunk, claimed_at) that hold a channel since before ``before``, and
    of which nothing younger is known: no report, nor that the PBX has shown the call among the live ones.
    """
    return tx.execute(_OVERDUE, {"before": before}).all()
