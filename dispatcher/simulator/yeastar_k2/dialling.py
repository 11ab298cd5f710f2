"""call/dial and call/playprompt (manual, chapter "Audio calls")."""

from collections.abc import Callable, Sequence

from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.yeastar.bodies import Body, failed, required
from dispatcher.simulator.yeastar.dialling import Dialling

INTERNAL_ERROR = "30001"


class K2Dialling(Dialling):
    """The requests of API v2.0.0."""

    play = "call/playprompt"
    permission = "dialpermission"

    def __init__(self, exchange: Exchange, restart: Callable[[float], None]) -> None:
        super().__init__(exchange, restart, (INTERNAL_ERROR, failed(INTERNAL_ERROR)))

    def success(self, callid: str) -> bytes:
        """The answer to a request that has placed a call."""
        return b'{"status":"Success","callid":"%b"}' % callid.encode()

    def prompts(self, body: Body) -> Sequence[str]:
        """The names are joined by `+`."""
        (prompt,) = required(body, "prompt")
        return prompt.split("+")
