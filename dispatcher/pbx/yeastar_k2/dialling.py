"""Which request of API v2.0.0 places what ('Make a call', 'Play prompts' in the K2 API v2.0.0 manual).

An IVR, a queue and a ring group can call outside numbers only. To play an IVR to an extension, the
extension is made to call the IVR: its phone rings, and who picks up hears it.
"""

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import DialOrder

_CALLERS = (MessageKind.IVR, MessageKind.QUEUE, MessageKind.RING_GROUP)

PLACEABLE: frozenset[tuple[MessageKind, TargetKind]] = frozenset(
    {
        *((kind, TargetKind.NUMBER) for kind in _CALLERS),
        (MessageKind.IVR, TargetKind.EXTENSION),
        (MessageKind.PROMPT, TargetKind.NUMBER),
        (MessageKind.PROMPT, TargetKind.EXTENSION),
    }
)


def request_of(order: DialOrder, prompt_volume: int | None) -> tuple[str, dict[str, str]]:
    """The endpoint and its parameters; raises :class:`PbxRefused` with ``Reason.UNSUPPORTED``."""
    message = order.message
    is_prompt = message.kind is MessageKind.PROMPT
    if (message.kind, order.target) not in PLACEABLE or (message.count != 1 and not is_prompt):
        count = f" {message.count} times" if message.count != 1 else ""
        raise PbxRefused(Reason.UNSUPPORTED, f"{message.kind} to {order.target}{count}")
    if is_prompt:
        params = {"number": order.digits, "prompt": message.value, "count": str(message.count)}
        if prompt_volume is not None:
            params["volume"] = str(prompt_volume)
        return "call/playprompt", params | _leave(order)
    if order.target is TargetKind.EXTENSION:
        return "call/dial", {"caller": order.digits, "callee": message.value} | _leave(order)
    return "call/dial", {"caller": message.value, "callee": order.digits} | _leave(order)


def _leave(order: DialOrder) -> dict[str, str]:
    """What lets the call out: the right of an extension. A called extension is not to answer by itself."""
    if order.target is TargetKind.EXTENSION:
        return {"autoanswer": "no"}
    return {"dialpermission": order.from_extension} if order.from_extension else {}
