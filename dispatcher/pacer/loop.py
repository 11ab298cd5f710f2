"""The pacer's loop: woken by events, with a slow tick as the safety net."""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from dispatcher.core import Core
from dispatcher.domain.vocabulary import CallKind, Outcome
from dispatcher.lines import Line
from dispatcher.metrics import catalogue
from dispatcher.pacer.claim import Claimed, claim
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)
_SHORTEST_WAIT = 0.002
REST_SECONDS = 0.005
"""Between two passes, so that channels freed at about the same time are given out together."""
_AFTER_OUTAGE = 1.0


class Pacer:
    """Claims calls for every line until nothing more can start. Any number may run at once."""

    def __init__(self, core: Core, lines: Sequence[Line]) -> None:
        self._core = core
        self._lines = lines
        self._stopping = threading.Event()
        self._subscription = core.signals.subscribe(Topic.PACER)
        self._tick = core.settings.pacing.tick

    def run(self) -> None:
        """Work until :meth:`stop`; survives an outage of the database by waiting for its end."""
        while not self._stopping.is_set():
            try:
                wake_at = self.pass_once()
            except Exception as error:
                if not is_outage(error):
                    _log.exception("the pacer's pass failed and is tried again")
                else:
                    _log.warning("the database is away, pacing waits for it: %s", type(error).__name__)
                self._stopping.wait(_AFTER_OUTAGE)
                continue
            self._stopping.wait(REST_SECONDS)
            self._subscription.wait(self._pause(wake_at))

    def stop(self) -> None:
        """End :meth:`run` after the pass that is under way."""
        self._stopping.set()
        self._subscription.close()

    def pass_once(self) -> datetime | None:
        """Claim on every line what can start now; returns when to look again before the tick."""
        wakes = [self._fill(line).wake_at for line in self._lines]
        return min((wake for wake in wakes if wake is not None), default=None)

    def _fill(self, line: Line) -> Claimed:
        core = self._core
        claimed = core.store.transact(lambda tx: claim(tx, core.clock(), line, self._lines, core.began))
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
        return claimed

    def _pause(self, wake_at: datetime | None) -> float:
        if wake_at is None:
            return self._tick
        ahead = (wake_at - self._core.clock()).total_seconds()
        return min(max(ahead, _SHORTEST_WAIT), self._tick)
