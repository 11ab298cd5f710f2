"""The threads that run upkeep: one a process that paces, and one a process that counts."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from dispatcher.core import Core
from dispatcher.intake.campaigns.withdrawal import withdraw_leftovers
from dispatcher.pbx.errors import PbxError
from dispatcher.reports import Inbox
from dispatcher.sessions import Pbx, Sessions
from dispatcher.signals import Topic
from dispatcher.store import tallies
from dispatcher.store.engine import is_outage
from dispatcher.upkeep import housekeeping, sweeps
from dispatcher.upkeep.asking import Asking
from dispatcher.upkeep.trunks import TrunkWatch

_log = logging.getLogger(__name__)

HEARTBEAT = timedelta(minutes=5)
"""A PBX forgets a session after 30 minutes without a request (S-Series API v1.1.0 manual, "Heartbeat")."""


@dataclass(slots=True)
class _Task:
    name: str
    every: float
    work: Callable[[], object]
    due: float = 0.0


class Upkeep:
    """Runs every sweep at its own interval. Several processes may: each sweep is safe beside itself."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx], inbox: Inbox) -> None:
        self._core = core
        self._sessions = sessions
        self._subscription = core.signals.subscribe(Topic.SESSION)
        self._stopping = threading.Event()
        timeouts = {name: pbx.account.timeout_seconds for name, pbx in pbxes.items()}
        asking = Asking(core, sessions, pbxes)
        watch = TrunkWatch(core, sessions, pbxes)
        self._tasks = [
            _Task("expire", 1.0, lambda: housekeeping.expire(core)),
            _Task("expire alarms", 1.0, lambda: housekeeping.expire_alarms(core)),
            _Task("finish campaigns", 1.0, lambda: housekeeping.finish_campaigns(core)),
            _Task("withdraw", 1.0, lambda: withdraw_leftovers(core)),
            _Task("resend wake-ups", 3.0, lambda: sweeps.resend_wake_ups(core)),
            _Task("resend hang-ups", 3.0, lambda: sweeps.resend_hang_ups(core)),
            _Task("doubt", 2.0, lambda: sweeps.doubt_the_unanswered(core, timeouts)),
            _Task("lone bye", 1.0, lambda: sweeps.close_after_lone_bye(core)),
            _Task("prune", 3600.0, lambda: housekeeping.prune(core), due=time.monotonic() + 60.0),
        ]
        for name in pbxes:
            self._tasks += [
                _Task(f"session of {name}", 10.0, partial(self._refresh, name)),
                _Task(f"inbox of {name}", 2.0, partial(inbox.revisit, name)),
                _Task(f"questions to {name}", 5.0, partial(asking.resolve, name)),
                _Task(f"others on {name}", 30.0, partial(watch.compare_others, name)),
                _Task(f"trunks of {name}", 30.0, partial(watch.look_at_trunks, name)),
            ]

    def run(self) -> None:
        """Work until :meth:`stop`. A task that fails is logged, and tried again at its next turn."""
        while not self._stopping.is_set():
            for task in self._tasks:
                if task.due <= time.monotonic() and not self._stopping.is_set():
                    self._try(task)
            for _, ended in self._subscription.wait(0.5):
                pbx, _, generation = ended.rpartition(" ")
                self._take_anew(pbx, int(generation))

    def stop(self) -> None:
        """End :meth:`run` after the task that is under way."""
        self._stopping.set()
        self._subscription.close()

    def _try(self, task: _Task) -> None:
        task.due = time.monotonic() + task.every
        try:
            task.work()
        except Exception as error:
            if is_outage(error):
                _log.warning("the database is away, %s waits: %s", task.name, type(error).__name__)
            else:
                _log.exception("%s failed and is tried again", task.name)

    def _refresh(self, pbx: str) -> None:
        try:
            self._sessions.refresh(pbx, HEARTBEAT)
        except PbxError as error:
            _log.warning("the session at %s could not be refreshed: %s", pbx, error)

    def _take_anew(self, pbx: str, generation: int) -> None:
        try:
            self._sessions.renew(pbx, generation)
        except PbxError as error:
            _log.warning("logging in again at %s did not work: %s", pbx, error)


class CountWriter:
    """Writes a process's own counts to the store once a second."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until :meth:`stop`; counts that can't be written wait for the database."""
        while not self._stopping.wait(1.0):
            self.write()
        self.write()

    def stop(self) -> None:
        """End :meth:`run` after a last writing."""
        self._stopping.set()

    def write(self) -> None:
        """Write what has been counted since the last time."""
        increments = self._core.counts.take()
        if not increments:
            return
        try:
            with self._core.store.write() as tx:
                tallies.add(tx, increments)
        except Exception as error:
            if not is_outage(error):
                raise
            self._core.counts.give_back(increments)
