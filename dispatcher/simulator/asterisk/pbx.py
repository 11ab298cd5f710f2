"""The simulated Asterisk as a whole."""

import asyncio
from collections.abc import Callable, Mapping

from dispatcher.simulator.asterisk.actions import Actions
from dispatcher.simulator.asterisk.manager import Action, ManagerConnection, ManagerPort
from dispatcher.simulator.asterisk.originate import ENDED, IVRS, PROMPTS, QUEUES, TRANSFERS, Originate
from dispatcher.simulator.asterisk.reporter import Reporter
from dispatcher.simulator.connection import Report
from dispatcher.simulator.exchange.box import ExchangeBox
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.family import Page
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings


class Asterisk(ExchangeBox):
    """A simulated Asterisk inside an event loop; everything here runs on that loop's thread.

    Its manager interface is at `report_port`; at the API's port there are only the simulator's own pages.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        judge, dice = Judge.of(settings), FaultDice(settings.faults)
        self._manager = ManagerPort(loop, settings, self._act, self._report_event)
        outbox = Outbox(loop, self._manager, dice, judge, lambda text: text)
        self._reporter = Reporter(outbox, self._manager)
        super().__init__(Exchange(loop, settings, dice, judge, self._reporter))
        extens = {
            IVRS: tuple(ivr.number for ivr in settings.ivrs),
            PROMPTS: ("s",),
            QUEUES: ("*",),
            ENDED: ("s",),
            TRANSFERS: ("s",),
        }
        self._actions = Actions(self.exchange, self._reporter, extens)
        self._originate = Originate(self.exchange, self._reporter, restart, self._manager.tell)

    def _act(self, name: str, action: Action, asker: ManagerConnection) -> None:
        if name == "originate":
            self._originate.serve(action, asker)
        elif known := self._actions.known.get(name):
            known(action, asker)
        else:
            asker.respond(action, "Error", [("Message", f"Invalid/unknown command: {name}.")])

    def _report_event(self, event: str, report: Report) -> None:
        self.judge.report(event, report.callid, report.action)

    def handle(self, request: Request) -> None:
        """There is no API over HTTP."""
        request.reply(b"", 404, "text/plain")

    # What a test or an operator sees of the box and does to it.

    @property
    def sessions(self) -> int:
        """How many applications are logged in."""
        return sum(1 for each in self._manager.connections if each.is_in)

    @property
    def report_port(self) -> int:
        """The port of the manager interface."""
        return self._manager.port

    @property
    def pages(self) -> Mapping[str, Page]:
        """POST /simulator/stream {"drop": true} cuts every connection to the manager interface."""
        return {"stream": lambda body: self._manager.drop() if body.get("drop") else None}

    async def listen(self) -> None:
        """Listen for applications; OSError when the port is taken."""
        await self._manager.listen()

    def went_away(self) -> None:
        """Nobody can connect."""
        self._manager.close()

    def restart(self) -> None:
        """Killed and started again: calls are gone without an end, what was kept is still there."""
        self.judge.note("restart")
        self.exchange.drop_all()
        self._actions.restarted()
        self._manager.drop()

    def boot_up(self) -> None:
        """Who connects sees for themselves since when Asterisk has been up."""

    def reset(self) -> None:
        """As new: no calls, nothing kept; callees and faults as in the settings."""
        self._reporter.kept.clear()
        super().reset()

    def expire_tokens(self) -> None:
        """Nothing lapses here."""

    def close(self) -> None:
        """Drop everything and stop every timer."""
        self.exchange.drop_all()
        self._manager.close()
