"""call/dial and call/play_prompt (guide, "Make a Call", "Play Prompt")."""

from collections.abc import Callable, Sequence

from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.yeastar.bodies import Body
from dispatcher.simulator.yeastar.dialling import Dialling
from dispatcher.simulator.yeastar_p.bodies import refused, succeeded
from dispatcher.simulator.yeastar_p.words import INTERNAL


class PDialling(Dialling):
    """The requests of the OpenAPI."""

    play = "call/play_prompt"
    permission = "dial_permission"
    by_report = True

    def __init__(self, exchange: Exchange, restart: Callable[[float], None]) -> None:
        super().__init__(exchange, restart, (str(INTERNAL), refused(INTERNAL)))

    def success(self, callid: str) -> bytes:
        """The answer to a request that has placed a call."""
        return succeeded({"call_id": callid})

    def prompts(self, body: Body) -> Sequence[str]:
        """The names are a list."""
        names = body.get("prompts")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refusal("10004")
        return names

    def joined(self, caller: str, callee: str, permission: str) -> str:
        """Two outside numbers: answered with success, and nothing is done, as is reported of real boxes."""
        return self._exchange.clock.call_ids()[0]
