"""The simulated K2 as a whole."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.delivery import ReportSender
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.family import Page
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.bodies import Body, body_of, required
from dispatcher.simulator.yeastar.box import YeastarBox
from dispatcher.simulator.yeastar.cdr import CdrDownload
from dispatcher.simulator.yeastar.sessions import Sessions
from dispatcher.simulator.yeastar_k2.dialling import K2Dialling
from dispatcher.simulator.yeastar_k2.queries import Queries
from dispatcher.simulator.yeastar_k2.reporter import Reporter
from dispatcher.simulator.yeastar_k2.stream import ReportStream
from dispatcher.simulator.yeastar_k2.text import break_as_in_the_manual
from dispatcher.simulator.yeastar_k2.words import RECORD_STATUS

ACCEPTS = ("application/json", "application/json")
"""Requests of the K2 carry the header twice."""
OLDEST_VERSION = "1.0.0"


class YeastarK2(YeastarBox):
    """A simulated K2 inside an event loop; everything here runs on that loop's thread.

    Reports go one of two ways, as the box is set: posted to the application, or over a TCP connection that
    the application has opened.
    """

    base = "/api/v2.0.0/"

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        judge, dice = Judge.of(settings), FaultDice(settings.faults)
        sender = ReportSender(loop, settings.delivery, self.report_event, ACCEPTS)
        sessions = Sessions(settings, sender.direct)
        self._stream: ReportStream | None = None
        if settings.report_transport == "tcp":
            self._stream = ReportStream(
                loop, settings, self.report_event, sessions.locked, sessions.wrong_password
            )
        way = self._stream or sender
        outbox = Outbox(loop, way, dice, judge, break_as_in_the_manual)
        self._reporter = Reporter(settings, lambda: way.version, outbox, dice)
        exchange = Exchange(loop, settings, dice, judge, self._reporter)
        cdr = CdrDownload(exchange.rows, settings, "number", RECORD_STATUS[settings.cdr_words])
        super().__init__(exchange, sessions, sender, cdr)
        self._queries = Queries(exchange)
        self.queries = self._queries.endpoints
        self.dials = K2Dialling(exchange, restart).endpoints
        self._refresh_tokens: dict[str, str] = {}
        self._settings = settings

    @property
    def report_port(self) -> int:
        """The port of the TCP push; 0 when reports are posted."""
        return self._stream.port if self._stream is not None else 0

    @property
    def pages(self) -> Mapping[str, Page]:
        """POST /simulator/stream {"drop": true, "silent": true|false}."""
        return {"stream": self._control_stream}

    def handle(self, request: Request) -> None:
        """Answer one request; the box's small server closes the connection after each."""
        request.keep_alive = False
        super().handle(request)

    @property
    def entrances(self) -> Mapping[str, Callable[[Request], Mapping[str, Any]]]:
        """What needs no token: the login, and the renewal of a token."""
        return {**super().entrances, "token/refresh": self._refreshed}

    def login(self, request: Request) -> Mapping[str, Any]:
        """A token and the way of reports, and with `refresh_tokens` a token to renew it with."""
        posted = self._stream is None
        token = self._sessions.login(request.peer, body_of(request, required=True), reports=posted)
        return {**self._tokens(token), "transport": "HTTP" if posted else "TCP"}

    def _tokens(self, token: str) -> dict[str, str]:
        if not self._settings.refresh_tokens:
            return {"token": token}
        refresh = secrets.token_hex(16)
        self._refresh_tokens[refresh] = token
        return {"token": token, "refreshtoken": refresh}

    def _refreshed(self, request: Request) -> Mapping[str, Any]:
        (refresh,) = required(body_of(request, required=True), "refreshtoken")
        old = self._refresh_tokens.pop(refresh, None)
        if old is None:
            raise Refusal("20004")
        return self._tokens(self._sessions.replace(old))

    def heartbeat(self, token: str, body: Body) -> None:
        """Renew the token and the way of reports; without `version` they get the old format."""
        if self._stream is None:
            self._sessions.heartbeat(token, body, str(body.get("version") or OLDEST_VERSION))

    def boot_up_text(self, version: str) -> str:
        """The BootUp report."""
        return self._reporter.boot_up(version)

    async def listen(self) -> None:
        """Listen for applications that fetch reports; OSError when the port is taken."""
        if self._stream is not None:
            await self._stream.listen()

    def went_away(self) -> None:
        """Nobody can fetch reports."""
        if self._stream is not None:
            self._stream.close()

    def restart(self) -> None:
        """Calls, tokens and connections are gone, channels are numbered anew."""
        super().restart()
        self._refresh_tokens.clear()
        self._reporter.channels.restart()
        self._queries.restarted()
        if self._stream is not None:
            self._stream.drop()

    def boot_up(self) -> None:
        """BootUp: posted to where reports went before, or sent to who connects next."""
        if self._stream is None:
            super().boot_up()
        else:
            self._stream.greet_next(lambda version: self._reporter.boot_up(version).encode())

    def drop_stream(self) -> None:
        """Cut the TCP connections that reports go over."""
        if self._stream is not None:
            self._stream.drop()

    def silence_stream(self, *, silent: bool) -> None:
        """Keep the TCP connections, but lose what is reported over them."""
        if self._stream is not None:
            self._stream.silent = silent

    def _control_stream(self, body: Mapping[str, Any]) -> None:
        if self._stream is None:
            raise RuntimeError("this PBX posts its reports")
        if body.get("drop"):
            self.drop_stream()
        if "silent" in body:
            self.silence_stream(silent=bool(body["silent"]))

    def close(self) -> None:
        """Drop everything and stop every timer."""
        super().close()
        self.went_away()
