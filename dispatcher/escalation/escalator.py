"""The thread that takes alarms further when their time has come."""

import logging
import threading
from datetime import datetime
from functools import partial

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.exc import DBAPIError

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallState
from dispatcher.escalation.advancing import advance
from dispatcher.escalation.trouble import LOOKS, lead_past, put_off
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import Alarm, Call, among, table
from dispatcher.work import Work, carry_out

_log = logging.getLogger(__name__)
_alarms, _calls = table(Alarm), table(Call)

TICK = 1.0
"""Seconds after which it looks even if nothing was signalled: the safety net."""

HEARING_AGAIN = 5.0
"""Seconds that it leaves to reports after a start, while somebody is in a call for an alarm.

A key that was pressed while nobody listened is told again by the PBX, which repeats a report until it is
answered (S-Series API v1.1.0 manual; how often, no manual says). Nobody else is called before that.
"""

_BATCH = 100
_NEXT = Prepared(
    select(_alarms.c.id, _alarms.c.next_at)
    .where(_alarms.c.next_at.is_not(None))
    .order_by(_alarms.c.next_at)
    .limit(bindparam("most", type_=Integer))
)
_IN_A_CALL = (
    select(_calls.c.id)
    .where(_calls.c.alarm_id.is_not(None), among(_calls.c.state, CallState.ACTIVE))
    .limit(1)
)
_AFTER_TROUBLE = 1.0


def _advance(alarm_id: str, work: Work) -> None:
    advance(work, alarm_id)


def _put_off(alarm_id: str, error: Exception, looks: int, work: Work) -> None:
    put_off(work, alarm_id, error, looks)


def _lead_past(alarm_id: str, error: Exception, work: Work) -> bool:
    return lead_past(work, alarm_id, error)


class Escalator:
    """Looks at every alarm whose time has come, each in a transaction of its own.

    Any number of processes may have one: an alarm's row is locked while it is looked at, and who comes
    second finds that its time has moved on.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._subscription = core.signals.subscribe(Topic.ALARMS)
        self._stopping = threading.Event()
        self._in_vain: dict[str, int] = {}
        """How many looks in a row have failed, by alarm."""

    def run(self) -> None:
        """Work until :meth:`stop`; survives whatever the database does."""
        if self._is_somebody_in_a_call():
            self._stopping.wait(HEARING_AGAIN)
        while not self._stopping.is_set():
            try:
                pause = self.look()
            except Exception as error:
                if is_outage(error):
                    _log.warning("the database is away, escalations wait: %s", type(error).__name__)
                else:
                    _log.exception("escalating failed and is tried again")
                self._stopping.wait(_AFTER_TROUBLE)
                continue
            if pause > 0:
                self._subscription.wait(pause)

    def _is_somebody_in_a_call(self) -> bool:
        try:
            with self._core.store.read() as tx:
                return tx.execute(_IN_A_CALL).first() is not None
        except DBAPIError:
            return False

    def stop(self) -> None:
        """End :meth:`run` after the alarm that is in hand."""
        self._stopping.set()
        self._subscription.close()

    def look(self) -> float:
        """Take every alarm further that is due. Returns the seconds until the next one is, at most a tick."""
        due, next_at = self._due()
        for alarm_id in due:
            if self._stopping.is_set():
                return 0.0
            try:
                carry_out(self._core, partial(_advance, alarm_id))
            except Exception as error:
                if is_outage(error):
                    raise
                # One alarm that can't be looked at must not hold up the others.
                _log.exception("alarm %s could not be taken further", alarm_id)
                self._stumble(alarm_id, error)
            else:
                self._in_vain.pop(alarm_id, None)
        if len(due) == _BATCH:
            return 0.0
        if next_at is None:
            return TICK
        return min(TICK, max(0.0, (next_at - self._core.clock()).total_seconds()))

    def _stumble(self, alarm_id: str, error: Exception) -> None:
        """Put the alarm off or, once it has failed a few times in a row, lead it past what fails."""
        looks = self._in_vain[alarm_id] = self._in_vain.get(alarm_id, 0) + 1
        if looks >= LOOKS:
            try:
                if carry_out(self._core, partial(_lead_past, alarm_id, error)):
                    return
            except Exception as worse:
                if is_outage(worse):
                    raise
                _log.exception("alarm %s could not be led past what fails", alarm_id)
        carry_out(self._core, partial(_put_off, alarm_id, error, looks))

    def _due(self) -> tuple[list[str], datetime | None]:
        """The alarms whose time has come, and when that of the next comes that is known of."""
        now = self._core.clock()
        with self._core.store.read() as tx:
            rows = _NEXT.all(tx, most=_BATCH + 1)
        due = [row.id for row in rows[:_BATCH] if row.next_at <= now]
        later = [row.next_at for row in rows[len(due) :]]
        return due, later[0] if later else None
