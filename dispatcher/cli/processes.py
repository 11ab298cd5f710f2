"""What the processes are made of: every role in one, or one role each. The parts are the same."""

import socket
import time
from abc import ABC, abstractmethod
from datetime import timedelta

import dramatiq

from dispatcher.broker import make_broker
from dispatcher.config import Settings
from dispatcher.core import Core
from dispatcher.listener import Listener
from dispatcher.receiver import ReportServer
from dispatcher.runtime.running import (
    LINGER_SECONDS,
    Background,
    DialRole,
    DialThreads,
    Stages,
    WebServer,
    address_of,
    bound,
)
from dispatcher.runtime.wiring import Parts, build, prepare_store, sync_streams, sync_trunks, wait_for_store
from dispatcher.upkeep import CountWriter


class _Process(ABC):
    """Starts and stops one process's services; a start that fails takes down what it had started."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stages = Stages()
        self._sockets: list[socket.socket] = []
        self._parts: Parts | None = None
        self._listeners: list[Listener] = []

    @property
    def parts(self) -> Parts:
        """What the process is wired of, once it has been started."""
        if self._parts is None:
            raise RuntimeError("the process has not been started")
        return self._parts

    def start(self) -> None:
        """Wait for the database, wire the parts and start the services; :class:`CanNotListen` at once."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Finish what is under way and give everything back. May be called twice."""
        for listener in self._listeners:
            listener.leave_by(time.monotonic() + LINGER_SECONDS)
        self._stages.stop()
        for at in self._sockets:
            at.close()
        if self._parts is not None:
            self._parts.close()

    @abstractmethod
    def _start(self) -> None: ...

    def _bind(self, listen: str) -> socket.socket:
        at = bound(listen)
        self._sockets.append(at)
        return at

    def _build(self, settings: Settings) -> Parts:
        broker = make_broker(settings.broker.url)
        dramatiq.set_broker(broker)
        self._parts = build(settings, broker)
        self._parts.core.store.warm_up()
        # Started first and stopped last: nothing is counted after the last counts were written.
        self._stages.start(Background(CountWriter(self._parts.core)))
        return self._parts

    def _listening(self, parts: Parts) -> Background:
        """What reads the reports that are fetched. It is stopped after the dialling, if both are here."""
        self._listeners = parts.listeners()
        return Background(*self._listeners)


class Embedded(_Process):
    """All roles in one process, as ``dispatcher up`` and ``dispatcher demo`` run them.

    Port 0 takes a free port, for the API and for reports; the PBXs are told the one that was taken.
    """

    _api: socket.socket
    _reports: socket.socket

    @property
    def api_url(self) -> str:
        """The base URL of the API and the web page."""
        return f"http://{address_of(self._api)}"

    @property
    def reports_url(self) -> str:
        """What PBXs are told to post to; each at ``/reports/{pbx}``."""
        return self.settings.reports.advertised()

    def _start(self) -> None:
        self._api = self._bind(self.settings.api.listen)
        self._reports = self._bind(self.settings.reports.listen)
        self.settings = _telling(self.settings, self._reports)
        prepare_store(self.settings)
        parts = self._build(self.settings)
        sync_trunks(parts)
        sync_streams(parts)
        # This package looks for a broker when it is imported, so it is not before one has been chosen.
        from workers.actors import declare

        declare(dramatiq.get_broker(), lambda: parts)
        self._stages.start(Background(parts.leases), DialRole(parts.dialer))
        _enter_left(parts)
        self._stages.start(ReportServer(parts.receiver(), self._reports), self._listening(parts))
        self._stages.start(
            DialThreads(dramatiq.get_broker(), self.settings.workers.threads, parts.dialer.drain),
            Background(parts.pacer(), parts.escalator(), parts.upkeep(), parts.auditor()),
            Background(*parts.outgoing(), parts.hearing()),
            _api_server(parts.core, self._api),
        )


def _enter_left(parts: Parts) -> None:
    """Enter what a receiver had answered when it died, before the reports that follow can overtake it.

    A key that is entered after its call's end comes too late: the person has been called again by then.
    """
    while parts.inbox.enter_left(timedelta(0)):
        pass


def _telling(settings: Settings, reports: socket.socket) -> Settings:
    """The settings in which PBXs are told the port that was really taken."""
    if settings.reports.advertise:
        return settings
    taken = settings.reports.model_copy(update={"listen": address_of(reports)})
    return settings.model_copy(update={"reports": taken})


def _api_server(core: Core, at: socket.socket) -> WebServer:
    # Half of what a process imports, and roles without the API start without it.
    from dispatcher.api.app import make_app

    app = make_app(core)
    return WebServer(app, at, "api", before_stop=app.state.feed.close)


class ApiProcess(_Process):
    """The HTTP API and the web page."""

    def _start(self) -> None:
        at = self._bind(self.settings.api.listen)
        wait_for_store(self.settings)
        parts = self._build(self.settings)
        sync_streams(parts)
        self._stages.start(Background(parts.hearing()), _api_server(parts.core, at))


class ReportsProcess(_Process):
    """The receiver of reports, and the reader of those that are fetched."""

    def _start(self) -> None:
        at = self._bind(self.settings.reports.listen)
        wait_for_store(self.settings)
        parts = self._build(self.settings)
        sync_streams(parts)
        self._stages.start(Background(parts.leases))
        _enter_left(parts)
        self._stages.start(ReportServer(parts.receiver(), at), self._listening(parts))


class PacerProcess(_Process):
    """Pacing, upkeep and the auditor."""

    def _start(self) -> None:
        wait_for_store(self.settings)
        parts = self._build(self.settings)
        sync_trunks(parts)
        sync_streams(parts)
        self._stages.start(Background(parts.leases))
        self._stages.start(Background(*parts.outgoing()))
        self._stages.start(Background(parts.pacer(), parts.escalator(), parts.upkeep(), parts.auditor()))
