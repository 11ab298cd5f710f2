"""The S-Series' web API v1.1.0: envelope, endpoints, sessions; and the simulated box as a whole."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.callees import SCRIPTS, Behaviour
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar_s.cdr import CdrError
from dispatcher.simulator.yeastar_s.dialling import Dialling
from dispatcher.simulator.yeastar_s.exchange import Exchange
from dispatcher.simulator.yeastar_s.plan import CallPlan
from dispatcher.simulator.yeastar_s.queries import Queries
from dispatcher.simulator.yeastar_s.reports import extension_party, inbound_party, outbound_party
from dispatcher.simulator.yeastar_s.sessions import ApiError, Sessions

BASE = "/api/v1.1.0/"
SUCCESS = b'{"status":"Success"}'


class YeastarS:
    """A simulated S-Series PBX inside an event loop; everything here runs on that loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings, restart: Callable[[float], None]
    ) -> None:
        self.judge = Judge(
            {trunk.name: trunk.channels for trunk in settings.trunks}, keep_log=settings.keep_log
        )
        self.dice = FaultDice(settings.faults)
        self.exchange = Exchange(loop, settings, self.dice, self.judge)
        self.callees = self.exchange.callees
        self.sessions = Sessions(settings, self.exchange.sender.direct)
        self._settings = settings
        self._loop = loop
        self._queries = Queries(self.exchange)
        self._dialling = Dialling(self.exchange, restart)
        self._sweep = loop.call_later(1.0, self._sweep_tokens)

    def handle(self, request: Request) -> None:
        """Answer one request of the API: always with HTTP 200, as the manual says."""
        try:
            self._answer(request)
        except (ApiError, CdrError) as refusal:
            request.reply(b'{"status":"Failed","errno":"%b"}' % refusal.errno.encode())

    def _answer(self, request: Request) -> None:
        if not request.path.startswith(BASE):
            request.reply(b"", 404, "text/plain")
            return
        endpoint = request.path[len(BASE) :]
        if endpoint == "cdr/download":
            self._download(request)
            return
        if request.method != "POST":
            raise ApiError("20001")
        if endpoint == "login":
            token = self.sessions.login(request.peer, _body(request, required=True))
            self.judge.note("login", peer=request.peer)
            request.reply(b'{"status":"Success","token":"%b"}' % token.encode())
            return
        token = request.parameter("token")
        self.sessions.check(token)
        if endpoint in self._dialling.endpoints:
            self._dialling.serve(endpoint, _body(request, required=True), request)
        else:
            self._answer_other(endpoint, token, request)

    def _answer_other(self, endpoint: str, token: str, request: Request) -> None:
        if endpoint == "heartbeat":
            self.sessions.heartbeat(token, request.peer, _body(request, required=True))
            request.reply(SUCCESS)
        elif endpoint == "logout":
            self.sessions.logout(token)
            request.reply(SUCCESS)
        elif endpoint == "cdr/get_random":
            answer = self.exchange.cdr.random(request.peer, _body(request, required=True))
            request.reply(json.dumps({"status": "Success", **answer}).encode())
        elif endpoint in self._queries.endpoints:
            found = self._queries.endpoints[endpoint](_body(request))
            request.reply(json.dumps({"status": "Success", **found}).encode())
        else:
            raise ApiError("10003")

    def _download(self, request: Request) -> None:
        query = request.parameters()
        self.sessions.check(query.get("token", ""))
        request.reply(self.exchange.cdr.download(request.peer, query).encode(), 200, "text/csv")

    def _sweep_tokens(self) -> None:
        self.sessions.sweep()
        self._sweep = self._loop.call_later(1.0, self._sweep_tokens)

    # What a test or an operator does to the box.

    def restart(self) -> None:
        """The PBX restarts: calls, tokens and waiting reports are gone, and nobody is told."""
        self.judge.note("restart")
        self.exchange.drop_all()
        self.sessions.forget_all()
        self._queries.restarted()

    def reset(self) -> None:
        """As new, but still logged in: no calls and records; callees and faults as in the settings."""
        self.exchange.drop_all()
        self.exchange.cdr.clear()
        self.exchange.down.clear()
        self.callees.reset(self._settings.behaviour, self._settings.callees)
        self.dice.use(self._settings.faults)
        self.judge.reset()

    def place_other(self, trunk: str, direction: str, number: str, extension: str, seconds: float) -> str:
        """A person phones, out from or in to an extension, for real seconds; the callid.

        KeyError: no such trunk. ValueError: an unknown direction. RuntimeError: the trunk is full or down.
        """
        settings = self.exchange.trunks[trunk]
        if direction not in ("outbound", "inbound"):
            raise ValueError(f"direction must be outbound or inbound, not {direction!r}")
        if trunk in self.exchange.down or not self.judge.room(trunk):
            raise RuntimeError(f"no free channel on {trunk}")
        kind = f"other_{direction}"
        record = self.exchange.new_record(kind, number, number, extension=extension, trunk=trunk, ours=False)
        quoted, ext = self.exchange.trunk_json[trunk], extension_party(extension)
        if direction == "outbound":
            callee, caller = outbound_party(extension, number, quoted, record.outboundid), ext
        else:
            callee, caller = ext, inbound_party(number, extension, quoted, record.callid)
        plan = CallPlan(
            callee=callee,
            caller=caller,
            origin=extension if direction == "outbound" else number,
            shown_number=number if direction == "outbound" else extension,
            direction=direction.capitalize(),
            monitored=settings.monitored,
            trunk=settings,
            extension=extension,
            talk=seconds,
        )
        self.exchange.place(plan, record, "person", SCRIPTS[Behaviour.SILENT])
        return record.callid

    def hang_up(self, callid: str) -> None:
        """End any live call by its callid; KeyError when there is none."""
        self.exchange.live[callid].hang_up("hung up by a person")

    def close(self) -> None:
        """Drop everything and stop every timer."""
        self._sweep.cancel()
        self.exchange.drop_all()
        self.exchange.sender.close()


def _body(request: Request, *, required: bool = False) -> Mapping[str, Any]:
    """The request's JSON object; ApiError 20000 (not JSON), 20007 (empty where parameters are needed)."""
    if not request.body.strip():
        if required:
            raise ApiError("20007")
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise ApiError("20000") from None
    if not isinstance(body, dict):
        raise ApiError("20000")
    return body
