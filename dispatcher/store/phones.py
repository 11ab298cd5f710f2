"""Whose phone may ring now: the conditions of a due call, said once for all who ask; and whose it is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, or_, select

from dispatcher.domain.vocabulary import TargetKind
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import HELD, Attempt, Call, Page, table

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

_mine, _theirs = table(Page).alias("mine"), table(Page).alias("theirs")
_WAYS = Prepared(
    select(_mine.c.call_id, _theirs.c.number, _theirs.c.extension, _theirs.c.pbx_user, _theirs.c.pbx)
    .join(_theirs, and_(_theirs.c.alarm_id == _mine.c.alarm_id, _theirs.c.contact == _mine.c.contact))
    .where(AnyOf(_mine.c.alarm_id, "alarm_ids"), AnyOf(_mine.c.call_id, "call_ids"))
    .distinct()
)


def callee_word(number: str | None, extension: str | None, pbx_user: str | None, pbx: str | None) -> str:
    """Who is rung, in one word: the column ``callee`` of an alarm's call."""
    if number is not None:
        return number
    kind, value = (TargetKind.EXTENSION, extension) if pbx_user is None else (TargetKind.USER, pbx_user)
    return f"{kind}:{pbx or ''}:{value}"


def phones_of(tx: Connection, calls: Sequence[Any]) -> dict[str, set[str]]:
    """Whom each of these alarms' calls rings, as callees: of a contact all the ways that its alarm knows."""
    found = {call.id: {call.callee} for call in calls}
    ids = {"alarm_ids": [call.alarm_id for call in calls], "call_ids": list(found)}
    for row in _WAYS.all(tx, **ids) if found else ():
        found[row.call_id].add(callee_word(row.number, row.extension, row.pbx_user, row.pbx))
    return found
