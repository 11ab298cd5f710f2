"""`POST /apis/pbx/call`: the user's own phone first, then the number."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dispatcher.simulator.axeos.directory import Directory, User
from dispatcher.simulator.axeos.reporter import Notes
from dispatcher.simulator.axeos.words import NOT_AVAILABLE
from dispatcher.simulator.exchange.answers import DialAnswers
from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.exchange import Exchange, NoRoute
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.records import DialRecord


class Unknown(Exception):
    """The request names what is not there, or asks for what can't be: its HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request asks for."""

    user: User
    number: str
    auto_answer: bool


class Originate:
    """Turns originate requests into calls, and answers each once the user's own phone has been answered."""

    def __init__(self, exchange: Exchange, directory: Directory, restart: Callable[[float], None]) -> None:
        settings = exchange.settings
        self._exchange = exchange
        self._directory = directory
        self._answers = DialAnswers(exchange, restart, ("500", b'{"error": "internal error"}'))
        self._ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        self._agents = {group.number: group.agent for group in (*settings.queues, *settings.ring_groups)}
        self._waiting: set[Request] = set()

    def serve(self, body: dict[str, Any], request: Request) -> None:
        """Place a call. `Unknown`: there is no such user or number."""
        wanted = self._wanted(body)
        record = self._answers.received("call", wanted.user.name)
        if self._answers.struck(record, request):
            return
        if wanted.auto_answer:
            self._by_announcement(wanted, record, request)
        else:
            self._to_user(wanted, record, request)

    def drop_all(self) -> None:
        """The PBX restarts: requests that wait for a phone are cut."""
        for request in self._waiting:
            request.cut()
        self._waiting.clear()

    def _wanted(self, body: dict[str, Any]) -> _Wanted:
        user = self._directory.find(body.get("user_name"), body.get("user_uuid"))
        if user is None:
            raise Unknown(404, "no such user")
        number = body.get("number")
        if not isinstance(number, str) or not number:
            raise Unknown(400, "number is required")
        return _Wanted(user, number, body.get("auto_answer") is True)

    def _to_user(self, wanted: _Wanted, record: DialRecord, request: Request) -> None:
        """Ring the user's phone, and then connect it with an IVR, a queue or a ring group."""
        exchange, name = self._exchange, wanted.user.name
        plan = CallPlan(
            origin=name,
            shown_number=name,
            direction="Internal",
            monitored=True,
            extension=name,
            path=wanted.number,
        )
        if wanted.number in self._ivrs:
            plan = replace(plan, ivr=self._ivrs[wanted.number])
        elif wanted.number in self._agents:
            plan = replace(plan, agent=self._agents[wanted.number])
        # With any other number the user hears that it is none: it is dialled only once they have answered.
        made = exchange.new_record("user", name, wanted.number, extension=name)
        behaviour, script, made.nth_dial = exchange.callees.dial(name, external=False)
        if script.refused:
            self._refuse(record, request, "400", 400)
            return
        call = exchange.place(plan, made, behaviour, script)
        self._waiting.add(request)
        call.notes = Notes(
            wanted.user,
            connected=lambda: self._connected(record, call, request),
            refused=lambda word: self._not_connected(record, request, word),
        )

    def _by_announcement(self, wanted: _Wanted, record: DialRecord, request: Request) -> None:
        """A phone that answers by itself and plays something calls an outside number."""
        exchange, name = self._exchange, wanted.user.name
        try:
            trunk, number = exchange.route(self._local(wanted.number), "")
        except NoRoute:
            self._refuse(record, request, "400", 400)
            return
        if name in exchange.by_extension:
            self._not_connected(record, request, "busy")
            return
        plan = CallPlan(
            origin=name,
            shown_number=number,
            direction="Outbound",
            monitored=True,
            trunk=trunk,
            extension=name,
            prompt=name,
        )
        made = exchange.new_record("announcement", number, wanted.number, extension=name, trunk=trunk.name)
        behaviour, script, made.nth_dial = exchange.callees.dial(number, counted=exchange.reachable(trunk))
        call = exchange.place(plan, made, behaviour, script)
        call.notes = Notes(wanted.user, is_connected=True)
        self._connected(record, call, request)

    def _local(self, number: str) -> str:
        """A `+` number as the first trunk's route takes it."""
        return f"{self._exchange.settings.trunks[0].prefix}{number[1:]}" if number.startswith("+") else number

    def _connected(self, record: DialRecord, call: Call, request: Request) -> None:
        self._waiting.discard(request)
        body = json.dumps({"status": "success", "unique_id": call.record.callid}).encode()
        self._answers.answer(record, call.record.callid, request, body, 201)

    def _not_connected(self, record: DialRecord, request: Request, word: str) -> None:
        if word == NOT_AVAILABLE:
            self._refuse(record, request, word, 503)
        else:
            self._refuse(record, request, word, 200)

    def _refuse(self, record: DialRecord, request: Request, word: str, status: int) -> None:
        self._waiting.discard(request)
        self._answers.refused(record, word)
        request.reply(json.dumps({"status": word}).encode(), status)
