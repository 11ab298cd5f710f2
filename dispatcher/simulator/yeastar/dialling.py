"""call/dial and the playing of prompts, alike in API v2.0.0 and the OpenAPI of the P-Series."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dispatcher.simulator.exchange.answers import DialAnswers
from dispatcher.simulator.exchange.call import ANALOG
from dispatcher.simulator.exchange.exchange import Exchange, NoRoute
from dispatcher.simulator.exchange.plan import CallPlan
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.yeastar.bodies import Body, optional, required
from dispatcher.simulator.yeastar.placing import Placing

WRONG_PAIR = "10101"
WRONG_VOLUME = "10104"
LOUDEST = 20


class Dialling(ABC):
    """Turns dial requests into calls, or into errors, whose codes are those of API v2.0.0.

    `play` is the endpoint that plays prompts, `permission` the parameter that names an extension whose right
    lets a call out. `by_report` is for boxes that tell of a bad number by a report.
    """

    play: str
    permission: str
    by_report = False

    def __init__(
        self, exchange: Exchange, restart: Callable[[float], None], internal_error: tuple[str, bytes]
    ) -> None:
        self._exchange = exchange
        settings = exchange.settings
        self._placing = Placing(exchange, by_report=self.by_report)
        self._answers = DialAnswers(exchange, restart, internal_error)
        self._extensions = exchange.extensions
        self._ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        queues, ring_groups = settings.queues, settings.ring_groups
        self._agents = {queue.number: queue.agent for queue in (*queues, *ring_groups)}
        self.endpoints: Mapping[str, Callable[[Body, Request], None]] = {
            "call/dial": partial(self._serve, "call/dial", self._dial),
            self.play: partial(self._serve, self.play, self._play),
        }

    @abstractmethod
    def success(self, callid: str) -> bytes:
        """The answer to a request that has placed a call."""

    @abstractmethod
    def prompts(self, body: Body) -> Sequence[str]:
        """What shall be played."""

    def joined(self, caller: str, callee: str, permission: str) -> str:
        """Join two outside numbers: the caller is rung first, and the callee takes a channel as well."""
        return self._placing.outside(
            "two_way", caller, permission, callee, lambda plan: replace(plan, onward=callee)
        )

    def _serve(self, endpoint: str, place: Callable[[Body], str], body: Body, request: Request) -> None:
        self._answers.serve(
            endpoint,
            self._called(body),
            request,
            lambda: place(body),
            self.success,
        )

    def _called(self, body: Body) -> str:
        """Whose phone will ring: the outside number's, else the extension's."""
        callee = optional(body, "callee")
        if callee in self._ivrs or callee in self._agents:
            return optional(body, "caller")
        return callee or optional(body, "number")

    def _dial(self, body: Body) -> str:
        caller, callee = required(body, "caller", "callee")
        internal = self._extensions.keys() | self._ivrs.keys() | self._agents.keys()
        if caller in self._extensions:
            if callee in internal:
                return self._internal(caller, callee)
            return self._placing.outside(
                "extension_outbound",
                callee,
                caller,
                caller,
                lambda plan: replace(plan, extension=caller),
            )
        if callee in internal:
            raise Refusal(WRONG_PAIR)
        (permission,) = required(body, self.permission)
        if caller in self._ivrs:
            return self._placing.outside(
                "ivr_outbound",
                callee,
                permission,
                caller,
                lambda plan: replace(plan, ivr=self._ivrs[caller], path=caller),
            )
        if caller in self._agents:
            return self._placing.outside(
                "queue_outbound",
                callee,
                permission,
                caller,
                lambda plan: replace(plan, agent=self._agents[caller], path=caller),
            )
        self._check_caller(caller, permission)
        return self.joined(caller, callee, permission)

    def _check_caller(self, caller: str, permission: str) -> None:
        """The caller is nothing of the PBX's; so it must be an outside number that a route takes."""
        try:
            self._exchange.route(caller, permission if permission in self._extensions else "")
        except NoRoute:
            raise Refusal(WRONG_PAIR) from None

    def _internal(self, caller: str, callee: str) -> str:
        """An extension calls one, or hears an IVR, or waits in a queue: its own phone rings first."""
        if callee in self._ivrs:
            ivr = self._ivrs[callee]
            return self._placing.inside(
                "ivr_extension", caller, callee, lambda plan: replace(plan, ivr=ivr, path=callee)
            )
        if callee in self._agents:
            agent = self._agents[callee]
            return self._placing.inside(
                "queue_extension", caller, callee, lambda plan: replace(plan, agent=agent, path=callee)
            )
        return self._placing.inside(
            "extension_extension", caller, callee, lambda plan: replace(plan, agent=callee)
        )

    def _play(self, body: Body) -> str:
        (number,) = required(body, "number")
        names = self.prompts(body)
        self._placing.check_prompts(names)
        prompt = "+".join(names)
        repeats = _count(optional(body, "count") or "1")
        _check_volume(optional(body, "volume"))
        if number in self._extensions:
            return self._placing.inside(
                "prompt_extension",
                number,
                "prompt",
                lambda plan: replace(plan, prompt=prompt, repeats=repeats),
            )
        if number in self._ivrs or number in self._agents:
            raise Refusal(WRONG_PAIR)
        (permission,) = required(body, self.permission)

        def with_prompt(plan: CallPlan) -> CallPlan:
            if plan.trunk is None or plan.trunk.type == ANALOG:
                raise Refusal("10015")  # As with v1.1.0: not over analog lines; the manual names no code.
            return replace(plan, prompt=prompt, repeats=repeats)

        return self._placing.outside("prompt_outbound", number, permission, "prompt", with_prompt)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise Refusal("10004")
    return int(text)


def _check_volume(text: str) -> None:
    if text and not (text.isdigit() and int(text) <= LOUDEST):
        raise Refusal(WRONG_VOLUME)
