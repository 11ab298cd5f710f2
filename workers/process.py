"""What a process of ``dramatiq workers`` is made of."""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

import dramatiq
from dramatiq.middleware import Middleware

from dispatcher.broker import make_broker
from dispatcher.config import Settings, load, require_shared_broker
from dispatcher.logs import set_up_logging
from dispatcher.runtime.running import DIAL_DRAIN_SECONDS, LONGEST_STOP, Background, DialRole, Stages
from dispatcher.runtime.tuning import tune
from dispatcher.runtime.wiring import Parts, build, wait_for_store
from dispatcher.upkeep import CountWriter
from workers.actors import declare

_log = logging.getLogger(__name__)


class WorkerProcess(Middleware):
    """Builds the process's parts beside its worker's threads, and takes them down after those have drained.

    A database that is away is waited for in a thread of its own, since Dramatiq holds back what is
    logged, and signals too, until a worker has booted. Messages that come meanwhile wait for it.

    From SIGTERM on no dial begins. Those under way are waited for, but not for the ten minutes that
    Dramatiq would wait: what the PBX has not answered by then is in doubt, and the process leaves.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parts: Parts | None = None
        self._stages = Stages()
        self._timers: list[threading.Timer] = []
        self._decided = threading.Event()
        self._guard = threading.Lock()

    def parts(self) -> Parts | None:
        """This process's parts, as soon as the database answers; None when it is told to stop before that."""
        self._decided.wait()
        return self._parts

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Begin to connect to the store and the PBXs, and listen to what ends the process."""
        if threading.current_thread() is threading.main_thread():
            self._drain_on_signal(worker)
        threading.Thread(target=self._connect, args=(broker,), name="boot", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Let go of messages that wait for the database; the sweep finds what they point at."""
        with self._guard:
            self._decided.set()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Sign off, write the last counts, and give everything back."""
        for timer in self._timers:
            timer.cancel()
        self._stages.stop()
        if self._parts is not None:
            self._parts.close()

    def _drain_on_signal(self, worker: dramatiq.Worker) -> None:
        """Drain from the signal on that ends the process, or has another take its place.

        Dramatiq itself looks once a second whether there was one.
        """
        for wanted in (signal.SIGTERM, signal.SIGHUP):
            theirs = signal.getsignal(wanted)

            def on_signal(number: int, frame: FrameType | None, theirs: Any = theirs) -> None:
                self._drain(worker)
                if callable(theirs):
                    theirs(number, frame)

            signal.signal(wanted, on_signal)

    def _drain(self, worker: dramatiq.Worker) -> None:
        if self._parts is not None:
            self._parts.dialer.drain()
        for thread in worker.workers:
            thread.stop()
        # The second one for a database that hangs while the first one signs off.
        self._timers += [
            threading.Timer(DIAL_DRAIN_SECONDS, self._leave),
            threading.Timer(LONGEST_STOP, os._exit, (0,)),
        ]
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def _leave(self) -> None:
        _log.warning("not every dial request was answered in time; those that were not are in doubt")
        self._stages.stop()
        os._exit(0)

    def _connect(self, broker: dramatiq.Broker) -> None:
        try:
            wait_for_store(self._settings)
            with self._guard:
                if not self._decided.is_set():
                    parts = build(self._settings, broker)
                    parts.core.store.warm_up()
                    self._begin(parts)
        except Exception:
            _log.exception("the worker can't start")
            # Without its parts it would swallow messages; whoever watches over it starts it again.
            os._exit(1)

    def _begin(self, parts: Parts) -> None:
        self._stages.start(Background(CountWriter(parts.core)))
        self._stages.start(DialRole(parts.dialer))
        self._parts = parts
        tune()
        self._decided.set()


def start() -> None:
    """Choose the broker that the configuration names, and declare the actors on it."""
    settings = load()
    require_shared_broker(settings, "workers")
    set_up_logging(settings.log)
    broker = make_broker(settings.broker.url)
    process = WorkerProcess(settings)
    broker.add_middleware(process)
    dramatiq.set_broker(broker)
    declare(broker, process.parts)
