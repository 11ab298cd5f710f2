"""The pacer's loop: woken by events, with a slow tick as the safety net."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallKind, Outcome
from dispatcher.lines import Line
from dispatcher.metrics import catalogue
from dispatcher.pacer.claim import Claimed, claim
from dispatcher.pacer.wanting import WHATEVER, Wanted, look
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)
_SHORTEST_WAIT = 0.002
REST_SECONDS = 0.005
"""After a pass, so that channels freed at about the same time are given out together. Not where nobody wants
one: an alarm may come just then."""
_AFTER_OUTAGE = 1.0


class Pacer:
    """Claims calls for every line until nothing more can start. Any number may run at once."""

    def __init__(self, core: Core, lines: Sequence[Line]) -> None:
        self._core = core
        self._lines = lines
        self._stopping = threading.Event()
        self._subscription = core.signals.subscribe(Topic.PACER)
        self._tick = core.settings.pacing.tick
        self._in_full_at = time.monotonic()
        self._is_wanted = True

    def run(self) -> None:
        """Work until :meth:`stop`; survives an outage of the database by waiting for its end."""
        while not self._stopping.is_set():
            in_full = time.monotonic() >= self._in_full_at
            try:
                wake_at = self.pass_once(in_full=in_full)
            except Exception as error:
                if not is_outage(error):
                    _log.exception("the pacer's pass failed and is tried again")
                else:
                    _log.warning("the database is away, pacing waits for it: %s", type(error).__name__)
                self._stopping.wait(_AFTER_OUTAGE)
                continue
            if self._is_wanted:
                self._stopping.wait(REST_SECONDS)
            look_at = time.monotonic() + self._pause(wake_at)
            # However often it is woken, every line is looked at when that was due, and once a tick.
            self._in_full_at = look_at if in_full else min(look_at, self._in_full_at)
            self._subscription.wait(max(0.0, self._in_full_at - time.monotonic()))

    def stop(self) -> None:
        """End :meth:`run` after the pass that is under way."""
        self._stopping.set()
        self._subscription.close()

    def pass_once(self, *, in_full: bool = True) -> datetime | None:
        """Claim on every line what can start now; returns when to look again before the tick.

        In full, every line is locked and counted, which also notices that a trunk works again. Else it is
        asked first whether anything is due.
        """
        wanted = WHATEVER if in_full else None
        wakes = []
        for line in self._lines:
            claimed, wanted = self._fill(line, wanted)
            wakes.append(claimed.wake_at)
        self._is_wanted = wanted is None or any(wanted.on(line) for line in self._lines)
        return min((wake for wake in wakes if wake is not None), default=None)

    def _claim(self, tx: Connection, line: Line, wanted: Wanted | None) -> tuple[Claimed, Wanted]:
        now = self._core.clock()
        if wanted is None:
            wanted = look(tx, now)
        if not wanted.on(line):
            return Claimed(), wanted
        return claim(tx, now, line, self._lines, self._core.began, wanted), wanted

    def _fill(self, line: Line, wanted: Wanted | None) -> tuple[Claimed, Wanted]:
        """Claim on one line, unless nothing ``wanted`` could go out on it; looked for where nobody has."""
        if wanted is not None and not wanted.on(line):
            return Claimed(), wanted
        core = self._core
        claimed, wanted = core.store.transact(lambda tx: self._claim(tx, line, wanted))
        if claimed.merged:
            core.counts.add(catalogue.CALLS, CallKind.ALARM, Outcome.CANCELLED, by=claimed.merged)
        if claimed.alarms:
            core.messages.dial(claimed.alarms, urgent=True)
        if claimed.campaigns and line.dials_at_once:
            core.messages.dial_at_once(claimed.campaigns)
        elif claimed.campaigns:
            core.messages.dial(claimed.campaigns, urgent=False)
        if claimed.total:
            core.signals.send(Topic.EVENTS)
        return claimed, wanted

    def _pause(self, wake_at: datetime | None) -> float:
        if wake_at is None:
            return self._tick
        ahead = (wake_at - self._core.clock()).total_seconds()
        return min(max(ahead, _SHORTEST_WAIT), self._tick)
