"""Whose phone may ring now: the conditions of a due call, said once for all who ask."""

from datetime import timedelta

from sqlalchemy import bindparam, exists, or_, select

from dispatcher.domain.vocabulary import TargetKind
from dispatcher.store.tables import HELD, Attempt, Call, table

_attempts = table(Attempt)
_calls = table(Call)
_called = _calls.alias("called")

LONGEST_TELLING = timedelta(minutes=3)
"""A call that is up for longer no longer keeps its callee from being called for another alarm."""

USER_IS_FREE = or_(
    _calls.c.pbx_user.is_(None),
    ~exists().where(
        _attempts.c.pbx == _calls.c.pbx,
        _attempts.c.target_kind == TargetKind.USER,
        _attempts.c.digits_dialled == _calls.c.pbx_user,
        HELD,
    ),
)
"""A user's own phone rings first, and rings for one call at a time; the others wait for its end."""

CALLEE_IS_FREE = or_(
    _calls.c.callee.is_(None),
    ~exists(
        select(_called.c.id)
        .join(_attempts, _attempts.c.call_id == _called.c.id)
        .where(
            _called.c.callee == _calls.c.callee,
            # Its own attempt before this one may be in question; the alarm does not wait for that.
            _called.c.id != _calls.c.id,
            HELD,
            _attempts.c.claimed_at > bindparam("called_since"),
        )
    ),
)
"""Nobody's phone rings for two alarms at the same time: the second waits for the end of the first call.

``called_since`` is :data:`LONGEST_TELLING` ago.
"""
