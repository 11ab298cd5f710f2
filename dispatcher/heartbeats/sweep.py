"""Raising the alarms of those who are silent."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.domain.vocabulary import HeartbeatStatus
from dispatcher.errors import Refused
from dispatcher.heartbeats.hearing import MARK
from dispatcher.heartbeats.keeping import SOURCE
from dispatcher.heartbeats.requests import silence
from dispatcher.intake import alarms
from dispatcher.metrics import catalogue
from dispatcher.store import heartbeats, marks
from dispatcher.store.engine import is_outage
from dispatcher.work import Work, carry_out

_log = logging.getLogger(__name__)


class Sweep:
    """Looks for heartbeats that are overdue, as far as somebody has listened."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._told: dict[str, str] = {}
        """What has been logged of an alarm that could not be raised, by heartbeat."""

    def look(self) -> None:
        """Raise an alarm for each that is overdue. One that can't be raised is tried again with each look."""
        with self._core.store.read() as tx:
            until = _heard_until(tx, self._core.clock())
            names = heartbeats.silent(tx, until) if until is not None else []
        for name in names:
            try:
                self._see_to(name)
            except Exception as error:
                if is_outage(error):
                    raise
                _log.exception("the alarm of heartbeat %s failed, and is tried again", name)

    def _see_to(self, name: str) -> None:
        try:
            carry_out(self._core, partial(_raise, name=name))
            self._told.pop(name, None)
        except Refused as refusal:
            self._tell(name, str(refusal))
            carry_out(self._core, partial(_go_down, name=name))

    def _tell(self, name: str, why: str) -> None:
        if self._told.get(name) != why:
            _log.error("heartbeat %s is silent, and its alarm can't be raised: %s", name, why)
            self._core.counts.add(catalogue.ALERTS_REFUSED, SOURCE)
        self._told[name] = why


def _raise(work: Work, name: str) -> None:
    row = _still_silent(work, name)
    if row is None:
        return
    taken = alarms.take(work, silence(name, row.alarm, row.heard_at, row.due_at), SOURCE)
    columns = {"status": HeartbeatStatus.DOWN, "alarm_id": taken.alarm_id}
    heartbeats.change(work.tx, name, columns)


def _go_down(work: Work, name: str) -> None:
    if _still_silent(work, name) is not None:
        heartbeats.change(work.tx, name, {"status": HeartbeatStatus.DOWN})


def _still_silent(work: Work, name: str) -> Any | None:
    """The row, locked, unless it was heard, paused, put off or told of meanwhile."""
    until = _heard_until(work.tx, work.now)
    row = heartbeats.find(work.tx, name, lock=True)
    if row is None or until is None or row.alarm_id is not None:
        return None
    is_due = row.status == HeartbeatStatus.UP and row.due_at is not None and row.due_at <= until
    return row if is_due or row.status == HeartbeatStatus.DOWN else None


def _heard_until(tx: Connection, now: datetime) -> datetime | None:
    """Until when a silence counts; a note from the future was made before the clock was set back."""
    mark = marks.find(tx, MARK)
    return None if mark is None or mark.at is None else min(mark.at, now)
