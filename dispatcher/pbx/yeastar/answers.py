"""What a Yeastar PBX answers: that it dials, which trunks it has, and what it is."""

from typing import Any

from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.protocol import Accepted, Device, TrunkState
from dispatcher.pbx.yeastar.client import text

_GOOD = ("registered", "idle", "busy", "up")
_BAD = (
    "failure",
    "disable",
    "fault",
    "alarm",
    "down",
    "power off",
    "no sim",
    "no signal",
    "pin error",
    "unregister",
)
_USABLE: dict[str, bool] = dict.fromkeys(_GOOD, True) | dict.fromkeys(_BAD, False)
"""Whether a trunk of this status can carry calls ('Query trunk list'). Busy is a line in use, not a fault.

Unknown, Registering (on its way up, or down) and any other word say nothing.
"""


def accepted(endpoint: str, answer: dict[str, Any]) -> Accepted:
    """The answer to a dial request; in doubt without a readable callid, since the call was placed."""
    callid = text(answer.get("callid"))
    if not callid:
        raise unreadable(endpoint, "no callid")
    return Accepted(callid)


def trunk_state(item: dict[str, Any]) -> TrunkState:
    """An entry of ``trunklist``."""
    status = text(item.get("status"))
    return TrunkState(
        name=text(item.get("trunkname")),
        status=status,
        kind=text(item.get("type")),
        usable=_USABLE.get(status.lower()),
    )


def device(endpoint: str, answer: dict[str, Any]) -> Device:
    """The ``deviceinfo`` of a PBX; its ``sn`` is that of every report."""
    info = answer.get("deviceinfo")
    if not isinstance(info, dict):
        raise unreadable(endpoint, "no deviceinfo")
    return Device(text(info.get("devicename")), text(info.get("sn")), text(info.get("firmwarever")))
