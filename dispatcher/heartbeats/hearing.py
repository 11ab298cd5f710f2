"""Knowing that we could have heard: what nobody could hear is no silence.

While the API runs and there are heartbeats it notes, every two seconds, that it does: also while all
of them are silent, lest the first that is heard again be taken for one that was lost. A silence counts
only up to the last such note. The first note after a time without any (a restart, an outage of the
database) puts the alarms off of those whose sign of life may have been lost in between, in the same
transaction.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.beats import Beating
from dispatcher.core import Core
from dispatcher.domain.heartbeats import Watch, after_deafness
from dispatcher.store import heartbeats, marks
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

MARK = "hearing"
BEAT = timedelta(seconds=2)
MISSED = 3 * BEAT
"""After so long without a note, something may have been missed."""


class Hearing(Beating):
    """Notes that this process hears."""

    every_seconds = BEAT.total_seconds()

    def __init__(self, core: Core) -> None:
        super().__init__()
        self._core = core
        self._was_deaf = True

    def beat(self) -> None:
        """Note that we hear. When that can't be written down, nothing that was sent to us could be either."""
        try:
            with self._core.store.read() as tx:
                if not heartbeats.has_any(tx):
                    return
            self._core.store.transact(self._note)
            self._was_deaf = False
        except Exception as error:
            self._was_deaf = True
            if is_outage(error):
                _log.warning("the database is away, heartbeats can't be heard: %s", type(error).__name__)
            else:
                _log.exception("it could not be noted that heartbeats are heard")

    def leave(self) -> None:
        """Nothing: whoever notes next tells by the time between whether something may have been missed."""

    def _note(self, tx: Connection) -> None:
        now = self._core.clock()
        mark = marks.locked(tx, MARK)
        if mark.at is not None and mark.at >= now:
            return
        if mark.at is not None and (self._was_deaf or now - mark.at > MISSED):
            _put_off(tx, mark.at, now)
        marks.put(tx, MARK, at=now)


def _put_off(tx: Connection, since: datetime, until: datetime) -> None:
    for row in heartbeats.watched(tx):
        every, grace = timedelta(seconds=row.every_seconds), timedelta(seconds=row.grace_seconds)
        gap = None if row.gap_seconds is None else timedelta(seconds=row.gap_seconds)
        before = Watch(row.heard_at, every, row.due_at, row.latest_at, gap)
        after = after_deafness(before, grace, since, until)
        if after != before:
            heartbeats.change(tx, row.name, {"due_at": after.due_at, "latest_at": after.latest_at})
            _log.info(
                "nothing could be heard since %s; %s is waited for until %s", since, row.name, after.due_at
            )
