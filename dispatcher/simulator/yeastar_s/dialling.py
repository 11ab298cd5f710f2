"""The endpoints that place a call: `ivr/…`, `queue/…` and so on, of the manual's call chapter."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from dispatcher.simulator.exchange.answers import DialAnswers
from dispatcher.simulator.exchange.call import ANALOG
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.yeastar.bodies import Body, failed, optional, required
from dispatcher.simulator.yeastar.placing import Placing


class Dialling:
    """Turns dial requests into calls, or into errors."""

    def __init__(self, exchange: Exchange, restart: Callable[[float], None]) -> None:
        settings = exchange.settings
        self._placing = Placing(exchange)
        self._answers = DialAnswers(exchange, restart, ("30001", failed("30001")))
        self._ivr_is_caller = settings.ivr_caller == "ivr"
        self._ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        self._queues = {queue.number: queue for queue in settings.queues}
        self._ring_groups = {group.number: group for group in settings.ring_groups}
        places: dict[str, Callable[[Body], str]] = {
            "ivr/dial_outbound": self._ivr_outbound,
            "ivr/dial_extension": self._ivr_extension,
            "queue/dial_outbound": self._queue_outbound,
            "ringgroup/dial_outbound": self._ring_group_outbound,
            "outbound/playprompt": self._prompt_outbound,
            "extension/playprompt": self._prompt_extension,
            "extension/dial_outbound": self._extension_outbound,
        }
        self.endpoints: Mapping[str, Callable[[Body, Request], None]] = {
            endpoint: partial(self._serve, endpoint, place) for endpoint, place in places.items()
        }

    def _serve(self, endpoint: str, place: Callable[[Body], str], body: Body, request: Request) -> None:
        number = optional(body, "outto") or optional(body, "extid")
        self._answers.serve(
            endpoint,
            number,
            request,
            lambda: place(body),
            lambda callid: b'{"status":"Success","callid":"%b"}' % callid.encode(),
        )

    def _ivr_outbound(self, body: Body) -> str:
        ivrid, outto, fromext = required(body, "ivrid", "outto", "fromext")
        ivr = self._ivrs.get(ivrid)
        if ivr is None:
            raise Refusal("10012")
        origin = ivrid if self._ivr_is_caller else fromext
        return self._placing.outside(
            "ivr_outbound", outto, fromext, origin, lambda plan: replace(plan, ivr=ivr)
        )

    def _queue_outbound(self, body: Body) -> str:
        queueid, outto, fromext = required(body, "queueid", "outto", "fromext")
        queue = self._queues.get(queueid)
        if queue is None:
            raise Refusal("10013")
        agent = queue.agent
        return self._placing.outside(
            "queue_outbound", outto, fromext, queueid, lambda plan: replace(plan, agent=agent)
        )

    def _ring_group_outbound(self, body: Body) -> str:
        groupid, outto, fromext = required(body, "ringgroupid", "outto", "fromext")
        group = self._ring_groups.get(groupid)
        if group is None:
            raise Refusal("10014")
        agent = group.agent
        return self._placing.outside(
            "ring_group_outbound", outto, fromext, groupid, lambda plan: replace(plan, agent=agent)
        )

    def _prompt_outbound(self, body: Body) -> str:
        outto, prompt = required(body, "outto", "prompt")
        self._placing.check_prompts(prompt.split("+"))
        fromext = optional(body, "fromext")

        def with_prompt(plan: CallPlan) -> CallPlan:
            if plan.trunk is None or plan.trunk.type == ANALOG:
                raise Refusal("10015")  # The manual: not supported over PSTN trunks; it names no code.
            return replace(plan, prompt=prompt)

        return self._placing.outside("prompt_outbound", outto, fromext, fromext or "prompt", with_prompt)

    def _extension_outbound(self, body: Body) -> str:
        extid, outto = required(body, "extid", "outto")
        return self._placing.outside(
            "extension_outbound", outto, extid, extid, lambda plan: replace(plan, extension=extid)
        )

    def _ivr_extension(self, body: Body) -> str:
        ivrid, extid = required(body, "ivrid", "extid")
        ivr = self._ivrs.get(ivrid)
        if ivr is None:
            raise Refusal("10012")
        return self._placing.inside("ivr_extension", extid, ivrid, lambda plan: replace(plan, ivr=ivr))

    def _prompt_extension(self, body: Body) -> str:
        extid, prompt = required(body, "extid", "prompt")
        self._placing.check_prompts(prompt.split("+"))
        return self._placing.inside(
            "prompt_extension", extid, "prompt", lambda plan: replace(plan, prompt=prompt)
        )
