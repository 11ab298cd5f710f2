"""Noticing that the clock was set back, also while nothing ran, and putting what waits into the new time.

That happens at boot, where the machine's clock ran in local time or its battery is empty and the network's
time comes late, and to a virtual machine that is put back. What was written before would wait for the
clock to catch up: retries, escalations, trunks that give out so many calls a second, leases.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.reports import Inbox
from dispatcher.signals import Topic
from dispatcher.store import marks, steps
from dispatcher.store.arrivals import MOST_LEFT

_log = logging.getLogger(__name__)

MARK = "clock"
SET_BACK = timedelta(seconds=60)
"""Steps that are smaller are waited out. Clocks of different machines may differ by less."""


class ClockWatch:
    """Notes the time again and again; a note from the future was made before the clock was set back."""

    def __init__(self, core: Core, inbox: Inbox) -> None:
        self._core = core
        self._inbox = inbox
        self._ahead: datetime | None = None

    def look(self) -> None:
        """Note the time, or put everything that waits into the time that it is."""
        back, ahead = self._core.store.transact(self._note)
        self._ahead = ahead
        if not back:
            return
        _log.warning("the clock was set back by about %s: what waits is put into the new time", back)
        while self._inbox.enter_left(-(back + SET_BACK)) == MOST_LEFT:
            pass
        for topic in (Topic.PACER, Topic.ALARMS, Topic.EVENTS):
            self._core.signals.send(topic)

    def _note(self, tx: Connection) -> tuple[timedelta | None, datetime | None]:
        """By how much the clock was set back, if it was; and the note from the future that was met."""
        now = self._core.clock()
        mark = marks.locked(tx, MARK)
        back = None
        if mark.at is not None and mark.at > now:
            # Another process, whose own clock is ahead, would have gone on noting.
            if mark.at != self._ahead or mark.at - now <= SET_BACK:
                return None, mark.at
            back = mark.at - now
            steps.put_back(tx, now, back, [pbx.name for pbx in self._core.settings.pbx])
        marks.put(tx, MARK, at=now)
        return back, None
