"""The threads that run upkeep: in a process that paces one and one for each PBX, and one that counts."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from dispatcher.core import Core
from dispatcher.directory import do_not_call, feeds
from dispatcher.escalation import silences
from dispatcher.heartbeats import Sweep
from dispatcher.intake.campaigns.withdrawal import withdraw_leftovers
from dispatcher.leases import Leases
from dispatcher.pbx.errors import PbxError
from dispatcher.reports import Inbox
from dispatcher.sessions import Pbx, Sessions
from dispatcher.signals import Topic
from dispatcher.store import tallies
from dispatcher.store.engine import is_outage
from dispatcher.upkeep import housekeeping, misconfigured, sweeps
from dispatcher.upkeep.abandoned import Abandoned
from dispatcher.upkeep.clock import ClockWatch
from dispatcher.upkeep.comparison import Comparison
from dispatcher.upkeep.menus import FIRST_LOOK, LOOKED_EVERY, IvrWatch
from dispatcher.upkeep.recovery import Recovery
from dispatcher.upkeep.trunks import TrunkWatch

_log = logging.getLogger(__name__)

KEEP_ALIVE = timedelta(minutes=5)
"""A PBX forgets a session after 30 minutes without a request (S-Series API v1.1.0 manual, "Heartbeat")."""


LEFT_BEHIND = timedelta(seconds=1)
"""Reports that nobody has entered for so long were left by a process that died.

They are looked for so often that they are entered before a redial's least delay, ``pacing.settle``, is over.
"""

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
"""So long an end waits for what others were asked for: a fetch that is cut off is made again."""


@dataclass(slots=True)
class _Task:
    name: str
    every: float
    work: Callable[[], object]
    lease: str = ""
    """The lease without which it is another process's business; empty for what every process may do."""
    due: float = 0.0


UPKEEP = "upkeep"
"""The lease for what one process does for all."""


class Upkeep:
    """Runs every sweep at its own interval, those that ask a PBX in a thread for that PBX.

    Several processes may: each sweep is safe beside itself, and what is dear is done by the one that
    holds the lease. Without ``leases`` this process does everything.
    """

    def __init__(
        self,
        core: Core,
        sessions: Sessions,
        pbxes: Mapping[str, Pbx],
        inbox: Inbox,
        leases: Leases | None = None,
    ) -> None:
        self._core = core
        self._sessions = sessions
        self._leases = leases
        self._subscription = core.signals.subscribe(Topic.SESSION)
        self._stopping = threading.Event()
        timeouts = {name: pbx.dial_seconds for name, pbx in pbxes.items()}
        recovery = Recovery(core, sessions, pbxes, inbox)
        abandoned = Abandoned(core)
        comparison = Comparison(core, sessions, pbxes)
        watch = TrunkWatch(core, sessions, pbxes)
        menus = IvrWatch(core, sessions)
        first_look = time.monotonic() + FIRST_LOOK
        self._tasks = [
            _Task("expire", 1.0, lambda: housekeeping.expire(core)),
            _Task("expire alarms", 1.0, lambda: housekeeping.expire_alarms(core)),
            _Task("pause campaigns", 1.0, lambda: misconfigured.pause_misconfigured(core)),
            _Task("finish campaigns", 1.0, lambda: housekeeping.finish_campaigns(core)),
            _Task("withdraw", 1.0, lambda: withdraw_leftovers(core)),
            _Task("resend wake-ups", 3.0, lambda: sweeps.resend_wake_ups(core)),
            _Task("resend hang-ups", 3.0, lambda: sweeps.resend_hang_ups(core)),
            _Task("doubt", 2.0, lambda: sweeps.doubt_the_unanswered(core, timeouts)),
            _Task("lone bye", 1.0, lambda: sweeps.close_after_lone_bye(core)),
            _Task("arrivals", 0.5, lambda: inbox.enter_left(LEFT_BEHIND)),
            _Task("abandoned", 2.0, abandoned.sweep),
            _Task("clock", 5.0, ClockWatch(core, inbox).look, UPKEEP),
            _Task("heartbeats", 1.0, Sweep(core).look, UPKEEP),
            _Task("silences", 10.0, lambda: silences.feel_begun(core), UPKEEP),
            _Task("do not call", 30.0, lambda: do_not_call.sweep(core), UPKEEP),
            _Task("prune", 3600.0, lambda: housekeeping.prune(core), UPKEEP, time.monotonic() + 60.0),
        ]
        self._outside = [_Task("calendars", 1.0, lambda: feeds.refetch(core), UPKEEP)]
        """What asks others than PBXs, and may take its time."""
        self._ended: dict[str, int] = {}
        """By PBX, the generation of a session that is known to have ended."""
        self._of_pbx: dict[str, list[_Task]] = {}
        for name in pbxes:
            lease = f"upkeep of {name}"
            self._of_pbx[name] = [
                _Task(f"new session of {name}", 0.0, partial(self._take_anew, name)),
                _Task(f"session of {name}", 10.0, partial(self._refresh, name)),
                _Task(f"inbox of {name}", 2.0, partial(inbox.revisit, name)),
                _Task(f"questions to {name}", 1.0, partial(recovery.sweep, name), lease),
                _Task(f"others on {name}", 15.0, partial(comparison.compare, name), lease),
                _Task(f"trunks of {name}", 5.0, partial(watch.look_at_trunks, name), lease),
                _Task(f"IVRs of {name}", LOOKED_EVERY, partial(menus.look, name), lease, first_look),
            ]
        if leases is not None:
            leases.want(UPKEEP, *(f"upkeep of {name}" for name in pbxes))

    def run(self) -> None:
        """Work until :meth:`stop`. A task that fails is logged, and tried again at its next turn.

        A PBX that does not answer holds up its own tasks alone.
        """
        hands = [
            threading.Thread(target=self._work, args=(tasks,), name=f"upkeep {name}", daemon=True)
            for name, tasks in self._of_pbx.items()
        ]
        outside = threading.Thread(
            target=self._work, args=(self._outside,), name="upkeep outside", daemon=True
        )
        for hand in (*hands, outside):
            hand.start()
        while not self._stopping.is_set():
            self._do_due(self._tasks)
            for _, ended in self._subscription.wait(_LOOK_SECONDS):
                pbx, _, generation = ended.rpartition(" ")
                self._ended[pbx] = int(generation)
        for hand in hands:
            hand.join()
        outside.join(_PATIENCE_SECONDS)

    def stop(self) -> None:
        """End :meth:`run` after the tasks that are under way."""
        self._stopping.set()
        self._subscription.close()

    def _work(self, tasks: Sequence[_Task]) -> None:
        while not self._stopping.is_set():
            self._do_due(tasks)
            self._stopping.wait(_LOOK_SECONDS)

    def _do_due(self, tasks: Sequence[_Task]) -> None:
        for task in tasks:
            if task.due <= time.monotonic() and self._may(task) and not self._stopping.is_set():
                self._try(task)

    def _may(self, task: _Task) -> bool:
        return not task.lease or self._leases is None or self._leases.holds(task.lease)

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
            self._sessions.refresh(pbx, KEEP_ALIVE)
        except PbxError as error:
            _log.warning("the session at %s could not be refreshed: %s", pbx, error)

    def _take_anew(self, pbx: str) -> None:
        ended = self._ended.pop(pbx, None)
        if ended is None:
            return
        try:
            self._sessions.renew(pbx, ended)
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
