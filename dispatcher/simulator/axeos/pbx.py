"""The simulated Axeos PBX as a whole, and its API."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from dispatcher.simulator.axeos.buffer import LONGEST_WAIT, Asked, EventBuffer
from dispatcher.simulator.axeos.directory import Directory
from dispatcher.simulator.axeos.originate import Originate, Unknown
from dispatcher.simulator.axeos.reporter import Reporter
from dispatcher.simulator.exchange.box import ExchangeBox
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.family import Page
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outbox import Outbox
from dispatcher.simulator.settings import SimulatorSettings

BASE = "/apis/pbx/"
VERSION = "4.1.10"


class Axeos(ExchangeBox):
    """A simulated PBX inside an event loop; everything here runs on that loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        self._settings = settings
        judge, dice = Judge.of(settings), FaultDice(settings.faults)
        self._events = EventBuffer(loop, judge, settings.timezone, settings.event_buffer)
        outbox = Outbox(loop, self._events, dice, judge, lambda text: text)
        self._reporter = Reporter(outbox, api_events=settings.api_events)
        super().__init__(Exchange(loop, settings, dice, judge, self._reporter))
        self._directory = Directory(settings.users)
        self._originate = Originate(self.exchange, self._directory, restart)
        credential = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
        self._credential = f"Basic {credential}"

    # The API.

    def handle(self, request: Request) -> None:
        """Answer one request; what went wrong is said by the HTTP status."""
        try:
            self._answer(request)
        except Unknown as unknown:
            _say(request, {"message": str(unknown)}, unknown.status)
        except ValueError as error:
            _say(request, {"message": str(error)}, 400)

    def _answer(self, request: Request) -> None:
        if not request.path.startswith(BASE):
            raise Unknown(404, "not found")
        if not self._knows(request):
            raise Unknown(401, "unauthorized")
        name, _, rest = request.path.removeprefix(BASE).removesuffix(".json").partition("/")
        if name == "call" and rest:
            self._one_call(unquote(rest), request)
        elif name == "call" and request.method == "POST":
            body = json.loads(request.body)
            if not isinstance(body, dict):
                raise Unknown(400, "the body must be an object")
            self._originate.serve(body, request)
        elif request.method == "GET" and not rest:
            self._show(name, request)
        else:
            raise Unknown(404, "not found")

    def _knows(self, request: Request) -> bool:
        if given := request.header("authorization"):
            return given == self._credential
        return request.method == "GET" and request.parameter("key") == self._settings.password

    def _show(self, name: str, request: Request) -> None:
        if name == "events":
            if self.exchange.dice.strikes(Fault.POLL_CUT):
                request.cut()
            else:
                self._events.ask(request, _asked(request.parameters()))
        elif name == "system_information":
            _say(request, self._information())
        elif name == "users":
            _say(request, [user.listed() for user in self._directory.users])
        else:
            raise Unknown(404, "not found")

    def _information(self) -> dict[str, Any]:
        return {
            "uuid": self._settings.serial,
            "version": VERSION,
            "language": "nl",
            "time_zone": self._settings.timezone,
            "hostname": "pbx.example.org",
            "external_ipaddr": self._settings.host,
            "number": "+31201234500",
        }

    def _one_call(self, callid: str, request: Request) -> None:
        call = self.exchange.live.get(callid)
        if call is None or not self._reporter.notes(call).is_connected:
            raise Unknown(404, "no such call")
        if request.method == "GET":
            _say(request, self._reporter.information(call))
        elif request.method == "DELETE":
            _say(request, {"status": "success", "message": "the call has been hung up"})
            self.exchange.hang_up_soon(call, "hung up by the API")
        else:
            raise Unknown(405, "method not allowed")

    # What a test or an operator sees of the box and does to it.

    @property
    def sessions(self) -> int:
        """There are no logins."""
        return 0

    @property
    def report_port(self) -> int:
        """Events come from the API's own port."""
        return 0

    @property
    def pages(self) -> Mapping[str, Page]:
        """`events`: {"skip": N} overflows the buffer, {"reset": true} has it given up."""
        return {"events": self._disturb_events}

    def _disturb_events(self, body: Mapping[str, Any]) -> None:
        if body.get("reset"):
            self._events.reset()
        self._events.skip(int(body.get("skip", 0)))

    async def listen(self) -> None:
        """Nothing but the API's port is listened on."""

    def went_away(self) -> None:
        """Nothing but the API's port was listened on."""

    def restart(self) -> None:
        """Calls and events are gone, and nobody is told; events are numbered from 0 again."""
        self.judge.note("restart")
        self._originate.drop_all()
        self.exchange.drop_all()

    def boot_up(self) -> None:
        """There is no event for that."""

    def reset(self) -> None:
        """As new: no calls, no events; callees and faults as in the settings."""
        self._originate.drop_all()
        super().reset()

    def expire_tokens(self) -> None:
        """Nothing lapses here."""

    def close(self) -> None:
        """Drop everything and stop every timer."""
        self.restart()


def _asked(query: Mapping[str, str]) -> Asked:
    """ValueError when a parameter is no number."""
    last, limit = query.get("last"), query.get("limit")
    return Asked(
        int(last) if last else None,
        float(query.get("timeout", LONGEST_WAIT)),
        int(limit) if limit else None,
    )


def _say(request: Request, found: Any, status: int = 200) -> None:
    request.reply(json.dumps(found).encode(), status)
