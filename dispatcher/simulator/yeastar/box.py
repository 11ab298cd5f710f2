"""The web API of a Yeastar box as far as its generations agree, and the box as a whole."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.connection import Destination, Lane, Report
from dispatcher.simulator.delivery import ReportSender
from dispatcher.simulator.exchange.box import ExchangeBox
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.family import Page
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.yeastar.bodies import Body, body_of, failed
from dispatcher.simulator.yeastar.cdr import CdrDownload
from dispatcher.simulator.yeastar.sessions import Sessions

BOOT_UP = "BootUp"
SUCCESS = b'{"status":"Success"}'


class YeastarBox(ExchangeBox, ABC):
    """The base of both generations; a generation adds its endpoints, its login, and its way of reports.

    `base` is the path before every endpoint, `dials` are the endpoints that place a call and answer by
    themselves, `queries` the others, which answer the fields beside `status`.
    """

    base: str
    dials: Mapping[str, Callable[[Body, Request], None]]
    queries: Mapping[str, Callable[[Body], Mapping[str, Any]]]

    def __init__(
        self, exchange: Exchange, sessions: Sessions, sender: ReportSender, cdr: CdrDownload
    ) -> None:
        super().__init__(exchange)
        self._loop = exchange.loop
        self._sessions = sessions
        self._sender = sender
        self._cdr = cdr
        self._before_restart: Destination | None = None
        self._sweep = self._loop.call_later(1.0, self._sweep_tokens)

    # What a generation does in its own way.

    @abstractmethod
    def login(self, request: Request) -> Mapping[str, Any]:
        """What the login answers beside `status`."""

    @abstractmethod
    def heartbeat(self, token: str, body: Body) -> None:
        """Renew the token and the way of reports."""

    @abstractmethod
    def boot_up_text(self, version: str) -> str:
        """The BootUp report in this version of the report format."""

    # The web API.

    @property
    def entrances(self) -> Mapping[str, Callable[[Request], Mapping[str, Any]]]:
        """What needs no token."""
        return {"login": self._log_in}

    def _log_in(self, request: Request) -> Mapping[str, Any]:
        answer = self.login(request)
        self.judge.note("login", peer=request.peer)
        return answer

    def handle(self, request: Request) -> None:
        """Answer one request of the API: always with HTTP 200, as the manuals say."""
        try:
            self._answer(request)
        except Refusal as refusal:
            request.reply(failed(refusal.code))

    def _answer(self, request: Request) -> None:
        if not request.path.startswith(self.base):
            request.reply(b"", 404, "text/plain")
            return
        endpoint = request.path[len(self.base) :]
        if endpoint == "cdr/download":
            query = request.parameters()
            self._sessions.check(query.get("token", ""))
            request.reply(self._cdr.download(request.peer, query).encode(), 200, "text/csv")
            return
        if request.method != "POST":
            raise Refusal("20001")
        entrance = self.entrances.get(endpoint)
        if entrance is not None:
            self._succeed(request, entrance(request))
            return
        token = request.parameter("token")
        self._sessions.check(token)
        dial = self.dials.get(endpoint)
        if dial is not None:
            dial(body_of(request, required=True), request)
        else:
            self._succeed(request, self._look(endpoint, token, request))

    def _look(self, endpoint: str, token: str, request: Request) -> Mapping[str, Any]:
        if endpoint == "heartbeat":
            self.heartbeat(token, body_of(request, required=True))
            return {}
        if endpoint == "logout":
            self._sessions.logout(token)
            return {}
        if endpoint == "cdr/get_random":
            return self._cdr.random(request.peer, body_of(request, required=True))
        query = self.queries.get(endpoint)
        if query is None:
            raise Refusal("10003")
        return query(body_of(request))

    def _succeed(self, request: Request, answer: Mapping[str, Any]) -> None:
        request.reply(json.dumps({"status": "Success", **answer}).encode() if answer else SUCCESS)

    def _sweep_tokens(self) -> None:
        self._sessions.sweep()
        self._sweep = self._loop.call_later(1.0, self._sweep_tokens)

    # What a test or an operator sees of the box and does to it.

    @property
    def sessions(self) -> int:
        """How many tokens are good."""
        return self._sessions.live

    @property
    def report_port(self) -> int:
        """The port of its own that reports come from; 0 when there is none."""
        return 0

    @property
    def pages(self) -> Mapping[str, Page]:
        """Further pages under `/simulator/`."""
        return {}

    def restart(self) -> None:
        """The PBX restarts: calls, tokens and waiting reports are gone, and nobody is told."""
        self.judge.note("restart")
        self._before_restart = self._sender.destination
        self.exchange.drop_all()
        self._sessions.forget_all()

    def boot_up(self) -> None:
        """Report BootUp to where reports went before the restart, though nobody is logged in now."""
        destination = self._before_restart
        if destination is not None and not self._sessions.live:
            self._sender.direct(destination)
            body = self.boot_up_text(destination.version).encode()
            self._sender.enqueue(Lane(), Report("", BOOT_UP, body))

    def report_event(self, event: str, report: Report) -> None:
        """Hear what becomes of a report; a BootUp that is delivered leaves nobody to report to."""
        self.judge.report(event, report.callid, report.action)
        if report.action == BOOT_UP and event in ("acknowledged", "given_up") and not self._sessions.live:
            self._sender.direct(None)

    def expire_tokens(self) -> None:
        """Every token lapses now, as after half an hour of silence."""
        self._sessions.expire_all()

    def close(self) -> None:
        """Drop everything and stop every timer."""
        self._sweep.cancel()
        self.exchange.drop_all()
        self._sender.close()
