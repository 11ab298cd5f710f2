"""Which dial orders are which originate requests (Axeos manual, 'Originating calls').

The PBX calls a user on their own phone, and when that is answered dials a number for them. The answer to the
request waits until then, and tells whether the own phone was answered, but nothing of the number's end.

So a call **to a user** dials the IVR, queue or ring group that they shall be connected with, and what is
answered is the callee. A call **to an outside number** is made by a user whose phone answers by itself and
plays something, and is named after it: what is answered is our own side, and the callee's is never seen.
"""

import re
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.axeos.api import Answer, text
from dispatcher.pbx.errors import PbxError, PbxRefused
from dispatcher.pbx.protocol import Accepted, DialOrder

PLACEABLE = frozenset(
    {
        (MessageKind.IVR, TargetKind.USER),
        (MessageKind.QUEUE, TargetKind.USER),
        (MessageKind.RING_GROUP, TargetKind.USER),
        (MessageKind.PROMPT, TargetKind.NUMBER),
    }
)
PROVABLE = frozenset({(DeliveredWhen.ANSWERED, TargetKind.USER)})
STATUSES = (200, 201, 400, 404, 503)
"""Every HTTP status with a meaning for a dial; 400 and 404 for a user that does not exist are inferred."""

ORIGINATE = "originate"
"""The word of the report that stands for the request's own answer."""

_CREATED, _OK, _NOT_FOUND, _UNAVAILABLE = 201, 200, 404, 503
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_NOT_CONNECTED = {
    "busy": Reason.BUSY,
    "no answer": Reason.NO_ANSWER,
    "failed": Reason.FAILED,
}
"""The failure reasons of a 200, which says that the caller's own phone could not be connected."""


def request_of(order: DialOrder) -> dict[str, Any]:
    """The body of the request; :class:`PbxRefused` for what the family can't place."""
    if (order.message.kind, order.target) not in PLACEABLE:
        raise PbxRefused(Reason.UNSUPPORTED, f"no {order.message.kind} to a {order.target} on this family")
    if order.target is TargetKind.NUMBER:
        return _user(order.message.value) | {"number": order.digits, "auto_answer": True}
    return _user(order.digits) | {"number": order.message.value}


def _user(name: str) -> dict[str, Any]:
    return {"user_uuid" if _UUID.fullmatch(name) else "user_name": name}


def accepted_by(order: DialOrder, answer: Answer) -> Accepted:
    """What an answer says of the call. Raises what it means where it is not one of success."""
    status, said = answer.status, text(answer.fields.get("status")).lower()
    if status == _CREATED or (status == _OK and said == "success"):
        callid = text(answer.fields.get("unique_id"))
        if not callid:
            raise unreadable("call", "no unique_id")
        return Accepted(callid, _seen(order, callid))
    raise _refusal(order, status, said)


def _seen(order: DialOrder, callid: str) -> tuple[Report, ...]:
    """That the user's own phone was answered; of a call to a number it tells nothing of the callee."""
    if order.target is not TargetKind.USER:
        return ()
    user = Party(PartyKind.EXTENSION, order.digits)
    return (Report(ReportEvent.ANSWERED, ORIGINATE, callid, parties=(user,)),)


def _refusal(order: DialOrder, status: int, said: str) -> PbxError:
    is_callee = order.target is TargetKind.USER
    if status == _OK and not said:
        return unreadable("call", "no status")
    if status in (_OK, _UNAVAILABLE):
        if not is_callee:
            detail = "not available" if status == _UNAVAILABLE else said
            return PbxRefused(Reason.CONGESTION, f"call: the phone that plays the message: {detail}")
        if status == _UNAVAILABLE:
            return PbxRefused(Reason.NO_ANSWER, "call: the user's phone is not available (not registered)")
        return PbxRefused(_NOT_CONNECTED.get(said, Reason.FAILED), f"call: the user's phone: {said}")
    if status == _NOT_FOUND:
        unknown = Reason.EXTENSION_UNKNOWN if is_callee else Reason.PROMPT_UNKNOWN
        return PbxRefused(unknown, "call: the PBX knows no such user")
    return PbxRefused(Reason.BAD_REQUEST, f"call: HTTP {status}: the PBX does not take user or number")
