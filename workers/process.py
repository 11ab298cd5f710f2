"""What a process of ``dramatiq workers`` is made of."""

import threading

import dramatiq
from dispatcher.config import Settings, load, require_shared_broker
from dramatiq.middleware import Middleware

from dispatcher.broker import make_broker
from dispatcher.logs import set_up_logging
from dispatcher.upkeep import CountWriter
from dispatcher.wiring import Parts, build, wait_for_store
from workers.actors import declare


class WorkerProcess(Middleware):
    """Builds the process's parts when its worker boots, and takes them down after it has drained.

    Dramatiq's parent process imports the actors too but never works, so nothing is connected before
    a worker boots.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parts: Parts | None = None
        self._writer: CountWriter | None = None
        self._thread: threading.Thread | None = None

    def parts(self) -> Parts:
        """This process's parts, once its worker has booted."""
        if self._parts is None:
            raise RuntimeError("the worker has not booted yet")
        return self._parts

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Connect to the store and the PBXs, waiting for a database that is away."""
        wait_for_store(self._settings)
        self._parts = build(self._settings, broker)
        self._writer = CountWriter(self._parts.core)
        self._thread = threading.Thread(target=self._writer.run, name="counts", daemon=True)
        self._thread.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Write the last counts, and give everything back."""
        if self._writer is not None and self._thread is not None:
            self._writer.stop()
            self._thread.join(timeout=5.0)
        if self._parts is not None:
            self._parts.close()


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
