"""Which request of API v2.0.0 places what ('Make a call', 'Play prompts' in the K2 API v2.0.0 manual)."""

from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.protocol import DialOrder
from dispatcher.pbx.yeastar.dialling import caller_and_callee, is_prompt


def request_of(order: DialOrder, prompt_volume: int | None) -> tuple[str, dict[str, str]]:
    """The endpoint and its parameters; raises :class:`PbxRefused` with ``Reason.UNSUPPORTED``."""
    if not is_prompt(order):
        return "call/dial", caller_and_callee(order) | _leave(order)
    message = order.message
    params = {"number": order.digits, "prompt": message.value, "count": str(message.count)}
    if prompt_volume is not None:
        params["volume"] = str(prompt_volume)
    return "call/playprompt", params | _leave(order)


def _leave(order: DialOrder) -> dict[str, str]:
    """What lets the call out: the right of an extension. A called extension is not to answer by itself."""
    if order.target is TargetKind.EXTENSION:
        return {"autoanswer": "no"}
    return {"dialpermission": order.from_extension} if order.from_extension else {}
