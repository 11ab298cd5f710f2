"""The endpoints that place a call: `{extension,ivr,queue,ringgroup,outbound}/…` of the manual's call chapter.

Parameters are checked in this order: blank ones (10004), the objects that they name, the number (10031), the
route (10024).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dispatcher.simulator.faults import Fault
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.records import DialRecord
from dispatcher.simulator.yeastar_s.call import ANALOG
from dispatcher.simulator.yeastar_s.exchange import Exchange
from dispatcher.simulator.yeastar_s.plan import CallPlan
from dispatcher.simulator.yeastar_s.reports import extension_party, outbound_party
from dispatcher.simulator.yeastar_s.sessions import ApiError

NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
PROMPT = re.compile(r"[A-Za-z0-9_. -]*[A-Za-z][A-Za-z0-9_. -]*")
Body = Mapping[str, Any]


class Dialling:
    """Turns dial requests into calls, or into errors; and does the faults of dial responses."""

    def __init__(self, exchange: Exchange, restart: Callable[[float], None]) -> None:
        self._exchange = exchange
        self._restart = restart
        settings = exchange.settings
        self._ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        self._queues = {queue.number: queue for queue in settings.queues}
        self._ring_groups = {group.number: group for group in settings.ring_groups}
        self.endpoints: dict[str, Callable[[Body], str]] = {
            "ivr/dial_outbound": self._ivr_outbound,
            "ivr/dial_extension": self._ivr_extension,
            "queue/dial_outbound": self._queue_outbound,
            "ringgroup/dial_outbound": self._ring_group_outbound,
            "outbound/playprompt": self._prompt_outbound,
            "extension/playprompt": self._prompt_extension,
            "extension/dial_outbound": self._extension_outbound,
        }

    def serve(self, endpoint: str, body: Body, request: Request) -> None:
        """Answer a dial request, with whatever fault strikes it."""
        dice = self._exchange.dice
        number = str(body.get("outto") or body.get("extid") or "")
        record = DialRecord(endpoint, number, time.monotonic(), time.time())
        if dice.strikes(Fault.DIAL_LOST_BEFORE):
            self._answered(record, "lost_before")
            request.cut()
        elif dice.strikes(Fault.DIAL_500):
            self._answered(record, "500")
            request.reply(b"<html>500 Internal Server Error</html>", 500, "text/html")
        elif dice.strikes(Fault.ERROR_30001):
            record.errno = "30001"
            self._answered(record, "ok")
            request.reply(b'{"status":"Failed","errno":"30001"}')
        else:
            self._place(endpoint, body, request, record)

    def _place(self, endpoint: str, body: Body, request: Request, record: DialRecord) -> None:
        try:
            record.callid = self.endpoints[endpoint](body)
        except ApiError as refusal:
            record.errno = refusal.errno
            self._answered(record, "ok")
            raise
        self._respond(request, record, b'{"status":"Success","callid":"%b"}' % record.callid.encode())

    def _respond(self, request: Request, record: DialRecord, body: bytes) -> None:
        exchange, dice = self._exchange, self._exchange.dice
        if dice.strikes(Fault.TRUNK_DOWN):
            trunk = exchange.judge.call(record.callid).trunk
            if trunk:
                exchange.set_trunk(trunk, down=True)
                exchange.loop.call_later(
                    dice.settings.trunk_down_seconds, lambda: exchange.set_trunk(trunk, down=False)
                )
        if dice.strikes(Fault.DIAL_LOST_AFTER):
            self._answered(record, "lost_after")
            request.cut()
        elif dice.strikes(Fault.DIAL_502):
            self._answered(record, "502")
            request.reply(b"<html>502 Bad Gateway</html>", 502, "text/html")
        elif dice.strikes(Fault.EARLY_REPORTS):
            self._answered(record, "early_reports")
            exchange.loop.call_later(dice.settings.early_seconds, request.reply, body)
        elif dice.strikes(Fault.SLOW_RESPONSE):
            self._answered(record, "slow")
            exchange.loop.call_later(dice.settings.slow_seconds, request.reply, body)
        else:
            self._answered(record, "ok")
            request.reply(body)
        if dice.strikes(Fault.RESTART):
            exchange.loop.call_soon(self._restart, dice.settings.restart_seconds)

    def _answered(self, record: DialRecord, response: str) -> None:
        record.response = response
        self._exchange.judge.dial(record)

    # The endpoints.

    def _ivr_outbound(self, body: Body) -> str:
        ivrid, outto, fromext = _required(body, "ivrid", "outto", "fromext")
        ivr = self._ivrs.get(ivrid)
        if ivr is None:
            raise ApiError("10012")
        origin = ivrid if self._exchange.settings.ivr_caller == "ivr" else fromext
        return self._outbound("ivr_outbound", outto, fromext, origin, lambda plan: replace(plan, ivr=ivr))

    def _queue_outbound(self, body: Body) -> str:
        queueid, outto, fromext = _required(body, "queueid", "outto", "fromext")
        queue = self._queues.get(queueid)
        if queue is None:
            raise ApiError("10013")
        agent = queue.agent
        return self._outbound(
            "queue_outbound", outto, fromext, queueid, lambda plan: replace(plan, agent=agent)
        )

    def _ring_group_outbound(self, body: Body) -> str:
        groupid, outto, fromext = _required(body, "ringgroupid", "outto", "fromext")
        group = self._ring_groups.get(groupid)
        if group is None:
            raise ApiError("10014")
        agent = group.agent
        return self._outbound(
            "ring_group_outbound", outto, fromext, groupid, lambda plan: replace(plan, agent=agent)
        )

    def _prompt_outbound(self, body: Body) -> str:
        outto, prompt = _required(body, "outto", "prompt")
        self._check_prompt(prompt)
        fromext = str(body.get("fromext") or "")

        def with_prompt(plan: CallPlan) -> CallPlan:
            if plan.trunk is None or plan.trunk.type == ANALOG:
                raise ApiError("10015")  # The manual: not supported over PSTN trunks; it names no code.
            trunk = self._exchange.trunk_json[plan.trunk.name]
            return replace(plan, prompt=prompt, prompt_end=f'"outbound":{{"trunkname":{trunk}}}')

        return self._outbound("prompt_outbound", outto, fromext, fromext or "prompt", with_prompt)

    def _extension_outbound(self, body: Body) -> str:
        extid, outto = _required(body, "extid", "outto")
        caller = extension_party(extid)
        return self._outbound(
            "extension_outbound",
            outto,
            extid,
            extid,
            lambda plan: replace(plan, caller=caller, extension=extid),
        )

    def _ivr_extension(self, body: Body) -> str:
        ivrid, extid = _required(body, "ivrid", "extid")
        ivr = self._ivrs.get(ivrid)
        if ivr is None:
            raise ApiError("10012")
        return self._extension("ivr_extension", extid, ivrid, lambda plan: replace(plan, ivr=ivr))

    def _prompt_extension(self, body: Body) -> str:
        extid, prompt = _required(body, "extid", "prompt")
        self._check_prompt(prompt)
        return self._extension("prompt_extension", extid, "prompt", lambda plan: replace(plan, prompt=prompt))

    # What they share.

    def _outbound(
        self, kind: str, outto: str, fromext: str, origin: str, complete: Callable[[CallPlan], CallPlan]
    ) -> str:
        exchange = self._exchange
        if fromext and fromext not in exchange.extensions:
            raise ApiError("10006")
        if not NUMBER.fullmatch(outto):
            raise ApiError("10031")
        route = exchange.route(outto, fromext)
        if isinstance(route, str):
            raise ApiError(route)
        trunk, number = route
        shown = number if exchange.settings.reported_number == "stripped" else outto
        record = exchange.new_record(kind, number, outto, extension=fromext, trunk=trunk.name)
        quoted = exchange.trunk_json[trunk.name]
        plan = complete(
            CallPlan(
                callee=outbound_party(origin, shown, quoted, record.outboundid),
                caller="",
                origin=origin,
                shown_number=shown,
                direction="Outbound",
                monitored=trunk.monitored,
                trunk=trunk,
                prompt_end=f'"outbound":{{"trunk":{quoted}}}',
            )
        )
        reachable = trunk.name not in exchange.down and exchange.judge.room(trunk.name)
        behaviour, script, record.nth_dial = exchange.callees.dial(number, counted=reachable)
        if script.refused_errno:
            raise ApiError(script.refused_errno)
        exchange.place(plan, record, behaviour, script)
        return record.callid

    def _extension(self, kind: str, extid: str, origin: str, complete: Callable[[CallPlan], CallPlan]) -> str:
        exchange = self._exchange
        extension = exchange.extensions.get(extid)
        if extension is None:
            raise ApiError("10006")
        record = exchange.new_record(kind, extid, extid, extension=extid)
        party = extension_party(extid)
        plan = complete(
            CallPlan(
                callee=party,
                caller="",
                origin=origin,
                shown_number=extid,
                direction="Internal",
                monitored=extension.monitored,
                extension=extid,
                prompt_end=party,
            )
        )
        behaviour, script, record.nth_dial = exchange.callees.dial(extid, external=False)
        if script.refused_errno:
            raise ApiError(script.refused_errno)
        exchange.place(plan, record, behaviour, script)
        return record.callid

    def _check_prompt(self, prompt: str) -> None:
        uploaded = self._exchange.settings.prompts
        for name in prompt.split("+"):
            known = name in uploaded if uploaded is not None else PROMPT.fullmatch(name) or name.isdigit()
            if not known:
                raise ApiError("10023")


def _required(body: Body, *names: str) -> list[str]:
    values = [str(body.get(name) or "").strip() for name in names]
    if not all(values):
        raise ApiError("10004")
    return values
