"""What a process of ``dramatiq workers`` is made of."""

import logging
import os
import threading

import dramatiq
from dramatiq.middleware import Middleware

from dispatcher.broker import make_broker
from dispatcher.config import Settings, load, require_shared_broker
from dispatcher.logs import set_up_logging
from dispatcher.tuning import tune
from dispatcher.upkeep import CountWriter
from dispatcher.wiring import Parts, build, wait_for_store
from workers.actors import declare

_log = logging.getLogger(__name__)


class WorkerProcess(Middleware):
    """Builds the process's parts beside its worker's threads, and takes them down after those have drained.

    A database that is away is waited for in a thread of its own, since Dramatiq holds back what is
    logged, and signals too, until a worker has booted. Messages that come meanwhile wait for it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parts: Parts | None = None
        self._writer: CountWriter | None = None
        self._thread: threading.Thread | None = None
        self._decided = threading.Event()
        self._guard = threading.Lock()

    def parts(self) -> Parts | None:
        """This process's parts, as soon as the database answers; None when it is told to stop before that."""
        self._decided.wait()
        return self._parts

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Begin to connect to the store and the PBXs."""
        threading.Thread(target=self._connect, args=(broker,), name="boot", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Let go of messages that wait for the database; the sweep finds what they point at."""
        with self._guard:
            self._decided.set()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Write the last counts, and give everything back."""
        if self._writer is not None and self._thread is not None:
            self._writer.stop()
            self._thread.join(timeout=5.0)
        if self._parts is not None:
            self._parts.close()

    def _connect(self, broker: dramatiq.Broker) -> None:
        try:
            wait_for_store(self._settings)
            with self._guard:
                if not self._decided.is_set():
                    self._begin(build(self._settings, broker))
        except Exception:
            _log.exception("the worker can't start")
            # Without its parts it would swallow messages; whoever watches over it starts it again.
            os._exit(1)

    def _begin(self, parts: Parts) -> None:
        self._writer = CountWriter(parts.core)
        self._thread = threading.Thread(target=self._writer.run, name="counts", daemon=True)
        self._thread.start()
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
