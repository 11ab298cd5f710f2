"""Knowing that we could have heard: what nobody could hear is no silence.

While the API runs and there are heartbeats it notes, every two seconds, that it does: also while all
of them are silent, lest the first that is heard again be taken for one that was lost. A silence counts
only up to the last such note. The first note after a time without any (a restart, an outage of the
database) puts the alarms off of those whose sign of life may have been lost in between, in the same
transaction.

A note from the future was made before the clock was set back. Then everything that is waited for is put
into the new time, lest what is heard count as silent until the clock has caught up.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.beats import Beating
from dispatcher.core import Core
from dispatcher.domain.heartbeats import Watch, after_deafness, after_step_back
from dispatcher.store import heartbeats, marks
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

MARK = "hearing"
BEAT = timedelta(seconds=2)
MISSED = 3 * BEAT
"""After so long without a note, something may have been missed."""
SET_BACK = timedelta(seconds=60)
"""A note so far in the future, which nobody goes on with, was made before the clock was set back."""


class Hearing(Beating):
    """Notes that this process hears."""

    every_seconds = BEAT.total_seconds()

    def __init__(self, core: Core) -> None:
        super().__init__()
        self._core = core
        self._was_deaf = True
        self._ahead: datetime | None = None
        """The note that lay in the future at the last beat."""

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
            if not self._is_set_back(mark.at, now):
                return
            _set_back(tx, mark.at, now)
            if self._was_deaf:
                _put_off(tx, now, now)
        elif mark.at is not None and (self._was_deaf or now - mark.at > MISSED):
            _put_off(tx, mark.at, now)
        marks.put(tx, MARK, at=now)

    def _is_set_back(self, noted: datetime, now: datetime) -> bool:
        """Whether it was our clock that was set back; another process whose clock is ahead notes on."""
        before, self._ahead = self._ahead, noted
        return noted == before and noted - now > SET_BACK


def _set_back(tx: Connection, noted: datetime, now: datetime) -> None:
    _log.warning("the clock was set back, from %s or later to %s", noted, now)
    _change(tx, lambda watch, grace: after_step_back(watch, grace, now, noted - now))


def _put_off(tx: Connection, since: datetime, until: datetime) -> None:
    for name, due_at in _change(tx, lambda watch, grace: after_deafness(watch, grace, since, until)):
        _log.info("nothing could be heard since %s; %s is waited for until %s", since, name, due_at)


def _change(tx: Connection, turn: Callable[[Watch, timedelta], Watch]) -> list[tuple[str, datetime]]:
    """Change what is waited for; the names of those for which it is another, and until when it is now."""
    changed = []
    for row in heartbeats.watched(tx):
        every, grace = timedelta(seconds=row.every_seconds), timedelta(seconds=row.grace_seconds)
        gap = None if row.gap_seconds is None else timedelta(seconds=row.gap_seconds)
        before = Watch(row.heard_at, every, row.due_at, row.latest_at, gap)
        after = turn(before, grace)
        if after != before:
            times = {"heard_at": after.heard_at, "due_at": after.due_at, "latest_at": after.latest_at}
            heartbeats.change(tx, row.name, times)
            changed.append((row.name, after.due_at))
    return changed
