"""What the lists that a P-Series gives of itself mean."""

from typing import Any

from dispatcher.pbx.protocol import Device, Ivr, TrunkState
from dispatcher.pbx.yeastar.client import text

_STATUSES: dict[str, tuple[str, bool | None]] = {
    "0": ("unknown", None),
    "1": ("idle", True),
    "2": ("busy", True),
    "3": ("idle, unmonitored", True),
    "4": ("registering", None),
    "5": ("registering", None),
    "11": ("failure", False),
    "12": ("no line plugged in", False),
    "21": ("wrong protocol layer", False),
    "22": ("interface failure", False),
    "23": ("no trunk plugged in", False),
    "31": ("module failure", False),
    "32": ("powered off", False),
    "33": ("no SIM", False),
    "34": ("no signal", False),
    "35": ("PIN error", False),
    "36": ("network registration failed", False),
    "41": ("registration failed", False),
    "42": ("unreachable", False),
    "43": ("account unavailable", False),
    "44": ("disabled", False),
}
"""A trunk's status and whether it can carry calls ('Query Trunk List', 'Trunk Registration State Changed').

Busy is a line in use, not a fault. A status that is not listed is shown as it is, and says nothing.
"""


def trunk_state(item: dict[str, Any]) -> TrunkState:
    """An entry of ``trunk/list``."""
    status = text(item.get("status"))
    shown, usable = _STATUSES.get(status, (status, None))
    return TrunkState(text(item.get("name")), shown, text(item.get("type")), usable)


def ivr(item: dict[str, Any]) -> Ivr:
    """An entry of ``ivr/list``."""
    return Ivr(text(item.get("number")), text(item.get("name")))


def device(info: dict[str, Any]) -> Device:
    """The ``data`` of ``system/information``; its ``sn`` is that of every event."""
    model = text(info.get("model_name")) or text(info.get("device_name"))
    return Device(model, text(info.get("sn")), text(info.get("firmware_version")))
