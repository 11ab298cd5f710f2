"""What the lists that a Yeastar PBX gives of itself mean."""

from typing import Any

from dispatcher.pbx.protocol import Device, TrunkState
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


def trunk_state(item: dict[str, Any]) -> TrunkState:
    """An entry of ``trunklist``."""
    status = text(item.get("status"))
    return TrunkState(
        name=text(item.get("trunkname")),
        status=status,
        kind=text(item.get("type")),
        usable=_USABLE.get(status.lower()),
    )


def device(info: dict[str, Any]) -> Device:
    """The ``deviceinfo`` of a PBX; its ``sn`` is that of every report."""
    return Device(text(info.get("devicename")), text(info.get("sn")), text(info.get("firmwarever")))
