"""What Yeastar's two newer APIs can place, and who calls whom for it.

An IVR, a queue and a ring group can call outside numbers only ('Make a call'). To play an IVR to an
extension, the extension is made to call the IVR: its phone rings, and who picks up hears it.
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


def is_prompt(order: DialOrder) -> bool:
    """Whether prompts are played, and not two parties joined.

    Raises :class:`PbxRefused` with ``Reason.UNSUPPORTED`` for what can't be placed.
    """
    message = order.message
    played = message.kind is MessageKind.PROMPT
    if (message.kind, order.target) not in PLACEABLE or (message.count != 1 and not played):
        count = f" {message.count} times" if message.count != 1 else ""
        raise PbxRefused(Reason.UNSUPPORTED, f"{message.kind} to {order.target}{count}")
    return played


def caller_and_callee(order: DialOrder) -> dict[str, str]:
    """Who calls whom, where no prompt is played."""
    if order.target is TargetKind.EXTENSION:
        return {"caller": order.digits, "callee": order.message.value}
    return {"caller": order.message.value, "callee": order.digits}
