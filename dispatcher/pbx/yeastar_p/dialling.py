"""Which request of the OpenAPI places what (P-Series developer guide, 'Make a Call', 'Play Prompt').

An IVR calls an outside number by its own number as the caller. Two outside numbers are never joined: such a
request is reported to be answered with success and to do nothing. Nor can a number of the PBX's that is
mistaken be told from an outside one, which ends the same way: no report comes, and no call is found.

``play_prompt`` answers with a ``call_id`` on newer firmware only (the guide's older editions show none);
without one the call counts as in doubt, and is found by its number.
"""

from typing import Any

from dispatcher.domain.vocabulary import TargetKind
from dispatcher.pbx.protocol import DialOrder
from dispatcher.pbx.yeastar.dialling import caller_and_callee, is_prompt


def request_of(order: DialOrder, prompt_volume: int | None) -> tuple[str, dict[str, Any]]:
    """The endpoint and its parameters; raises :class:`PbxRefused` with ``Reason.UNSUPPORTED``."""
    leave = _leave(order)
    if not is_prompt(order):
        return "call/dial", caller_and_callee(order) | leave
    message = order.message
    volume = {} if prompt_volume is None else {"volume": prompt_volume}
    prompts = message.value.split("+")
    played = {"number": order.digits, "prompts": prompts, "count": message.count}
    return "call/play_prompt", played | leave | volume


def _leave(order: DialOrder) -> dict[str, str]:
    """What lets the call out: the right of an extension. A called extension is not to answer by itself."""
    if order.target is TargetKind.EXTENSION:
        return {"auto_answer": "no"}
    return {"dial_permission": order.from_extension} if order.from_extension else {}
