"""The simulated P-Series as a whole."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.connection import Lane, Report
from dispatcher.simulator.exchange.box import ExchangeBox
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.family import Page
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.bodies import body_of
from dispatcher.simulator.yeastar_p.bodies import PRefusal, refusal_of, refused, succeeded
from dispatcher.simulator.yeastar_p.dialling import PDialling
from dispatcher.simulator.yeastar_p.queries import Queries
from dispatcher.simulator.yeastar_p.reporter import Reporter
from dispatcher.simulator.yeastar_p.sockets import Sockets
from dispatcher.simulator.yeastar_p.text import break_as_in_the_guide
from dispatcher.simulator.yeastar_p.tokens import Tokens
from dispatcher.simulator.yeastar_p.webhooks import Webhooks
from dispatcher.simulator.yeastar_p.words import (
    EVENT_IDS,
    NO_INTERFACE,
    PARAMETER,
)

BASE = "/openapi/v1.0/"
USER_AGENT = "OpenAPI"


class Events:
    """Sends each event both ways: to the webhooks and over the WebSockets that want it."""

    def __init__(self, webhooks: Webhooks, sockets: Sockets, listener: Callable[[str, Report], None]) -> None:
        self._webhooks = webhooks
        self._sockets = sockets
        self._listener = listener

    @property
    def pending(self) -> int:
        """Events that are still to be delivered."""
        return self._webhooks.pending + self._sockets.pending

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Tell of an event; over WebSockets it goes at once, and is lost when nobody is there."""
        event = EVENT_IDS[report.action]
        posted = self._webhooks.enqueue(report, event)
        said = self._sockets.enqueue(report, event)
        if said:
            self._listener("sent", report)
        elif not posted:
            self._listener("dropped", report)

    def clear(self) -> None:
        """Forget every event that is still to be delivered."""
        self._webhooks.clear()


class YeastarP(ExchangeBox):
    """A simulated P-Series inside an event loop; everything here runs on that loop's thread.

    Webhooks are the box's own settings: they outlive tokens and restarts.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        judge, dice = Judge.of(settings), FaultDice(settings.faults)

        def listener(event: str, report: Report) -> None:
            judge.report(event, report.callid, report.action)

        self._webhooks = Webhooks(loop, settings.delivery, listener)
        self._sockets = Sockets(loop, settings)
        ways = Events(self._webhooks, self._sockets, listener)
        self._reporter = Reporter(settings, Outbox(loop, ways, dice, judge, break_as_in_the_guide), dice)
        super().__init__(Exchange(loop, settings, dice, judge, self._reporter))
        self._tokens = Tokens(settings)
        self._queries = Queries(self.exchange)
        self._dialling = PDialling(self.exchange, restart)
        self._posts: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "call/hangup": self._queries.hang_up,
            "call/transfer": self._queries.transfer,
            "webhook/update": self._webhooks.update,
        }

    # The API.

    def handle(self, request: Request) -> None:
        """Answer one request of the API: always with HTTP 200."""
        if not request.path.startswith(BASE):
            request.reply(b"", 404, "text/plain")
            return
        try:
            self._answer(request.path.removeprefix(BASE), request)
        except Refusal as refusal:
            request.reply(refused(int(refusal_of(refusal).code)))

    def _answer(self, endpoint: str, request: Request) -> None:
        if request.header("user-agent") != USER_AGENT:
            raise PRefusal(PARAMETER)
        if request.method == "POST":
            self._post(endpoint, request)
        else:
            self._get(endpoint, request)

    def _post(self, endpoint: str, request: Request) -> None:
        body = body_of(request, required=True)
        if endpoint == "get_token":
            request.reply(succeeded(self._tokens.log_in(request.peer, body)))
            self.judge.note("login", peer=request.peer)
            return
        if endpoint == "refresh_token":
            request.reply(succeeded(self._tokens.refresh(body)))
            return
        self._tokens.check(request.parameter("access_token"))
        if endpoint in self._dialling.endpoints:
            self._dialling.endpoints[endpoint](body, request)
        elif endpoint in self._posts:
            request.reply(succeeded(self._posts[endpoint](body)))
        else:
            raise PRefusal(NO_INTERFACE)

    def _get(self, endpoint: str, request: Request) -> None:
        query = request.parameters()
        token = query.get("access_token", "")
        self._tokens.check(token)
        if endpoint == "subscribe":
            self._sockets.open(request)
        elif endpoint == "del_token":
            self._tokens.revoke(token)
            request.reply(succeeded({}))
        elif endpoint == "webhook/query":
            request.reply(succeeded({"data": self._webhooks.shown()}))
        elif endpoint in self._queries.endpoints:
            request.reply(succeeded(self._queries.endpoints[endpoint](query)))
        else:
            raise PRefusal(NO_INTERFACE)

    # What a test or an operator sees of the box and does to it.

    @property
    def sessions(self) -> int:
        """How many tokens are good."""
        return self._tokens.live

    @property
    def report_port(self) -> int:
        """Events come from the API's own port."""
        return 0

    @property
    def pages(self) -> Mapping[str, Page]:
        """POST /simulator/stream {"drop": true, "silent": true|false}."""
        return {"stream": self._control_stream}

    def _control_stream(self, body: Mapping[str, Any]) -> None:
        if body.get("drop"):
            self._sockets.drop()
        if "silent" in body:
            self._sockets.silent = bool(body["silent"])

    async def listen(self) -> None:
        """Nothing but the API's port is listened on."""

    def went_away(self) -> None:
        """Nobody can hear events."""
        self._sockets.drop()

    def restart(self) -> None:
        """Calls, tokens, connections and waiting events are gone, and nobody is told."""
        self.judge.note("restart")
        self.exchange.drop_all()
        self._tokens.forget_all()
        self._sockets.drop()
        self._reporter.channels.restart()
        self._queries.restarted()

    def boot_up(self) -> None:
        """There is no event for that."""

    def expire_tokens(self) -> None:
        """Every token lapses now."""
        self._tokens.expire_all()

    def close(self) -> None:
        """Drop everything and stop every timer."""
        self.exchange.drop_all()
        self._webhooks.close()
        self._sockets.drop()
