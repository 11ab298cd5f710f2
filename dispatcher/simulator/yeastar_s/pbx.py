"""The simulated S-Series as a whole."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.delivery import ReportSender
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar.bodies import Body, body_of
from dispatcher.simulator.yeastar.box import YeastarBox
from dispatcher.simulator.yeastar.cdr import CdrDownload
from dispatcher.simulator.yeastar.sessions import Sessions
from dispatcher.simulator.yeastar_s.dialling import Dialling
from dispatcher.simulator.yeastar_s.queries import Queries
from dispatcher.simulator.yeastar_s.reporter import Reporter
from dispatcher.simulator.yeastar_s.text import break_as_in_the_manual


class YeastarS(YeastarBox):
    """A simulated S-Series PBX inside an event loop; everything here runs on that loop's thread."""

    base = "/api/v1.1.0/"

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        judge, dice = Judge.of(settings), FaultDice(settings.faults)
        sender = ReportSender(loop, settings.delivery, self.report_event)
        outbox = Outbox(loop, sender, dice, judge, break_as_in_the_manual)
        self._reporter = Reporter(settings, lambda: sender.version, outbox)
        exchange = Exchange(loop, settings, dice, judge, self._reporter)
        cdr = CdrDownload(exchange.rows, settings, "extid")
        super().__init__(exchange, Sessions(settings, sender.direct), sender, cdr)
        self._queries = Queries(exchange)
        self.queries = self._queries.endpoints
        self.dials = Dialling(exchange, restart).endpoints

    def login(self, request: Request) -> Mapping[str, Any]:
        """A token; Refusal as in `Sessions.login`."""
        return {"token": self._sessions.login(request.peer, body_of(request, required=True))}

    def heartbeat(self, token: str, body: Body) -> None:
        """Renew the token and the way of reports."""
        self._sessions.heartbeat(token, body)

    def boot_up_text(self, version: str) -> str:
        """The BootUp report."""
        return self._reporter.text.boot_up()

    async def listen(self) -> None:
        """Nothing but the API's port is listened on."""

    def went_away(self) -> None:
        """Nothing but the API's port was listened on."""

    def restart(self) -> None:
        """Calls, tokens and waiting reports are gone, and the uptime begins anew."""
        super().restart()
        self._queries.restarted()
