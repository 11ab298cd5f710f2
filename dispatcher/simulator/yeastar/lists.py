"""What both generations tell about the box itself: its trunks, IVRs and clock."""

import time
from typing import Any

from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.settings import IvrSettings


def trunk_status(exchange: Exchange, name: str) -> str:
    """The words of the manuals' trunk lists; their case differs between the table and the samples."""
    kind, up = exchange.trunks[name].type, name not in exchange.down
    tally = exchange.judge.trunk(name)
    match kind:
        case "FXO" | "GSM":
            busy = tally.ours + tally.others >= tally.channels
            return ("Busy" if busy else "Idle") if up else ("Fault" if kind == "FXO" else "No Signal")
        case "BRI" | "E1":
            return "Up" if up else "Down"
        case _:
            return "Registered" if up else "failure"


def ivr_details(ivr: IvrSettings, exchange: Exchange) -> dict[str, Any]:
    """An IVR's settings but for its number, whose key differs."""
    return {
        "ivrname": ivr.number,
        "prompt": "[Default]",
        "promptrepeat": str(ivr.repeats),
        "responsetimeout": f"{exchange.timing.response:.0f}",
        "digittimeout": "3",
        "dialext": "on",
        "dialoutboundroutes": "off",
        "dialtocheckvoicemail": "off",
    }


def device_info(exchange: Exchange, booted: float, name: str, firmware: str) -> dict[str, Any]:
    """The answer of deviceinfo/query; `booted` is monotonic."""
    now = time.time()
    local = exchange.clock.local_time(now)
    offset = exchange.clock.utc_offset_hours(now)
    up = int(time.monotonic() - booted)
    return {
        "devicename": name,
        "sn": exchange.settings.serial,
        "hardwarever": "V1.30 0000-0000",
        "firmwarever": firmware,
        "systemtime": f"{local} UTC{offset:+d}",
        "uptime": f"{up // 3600:02d}:{up // 60 % 60:02d}:{up % 60:02d}",
        "extensionstatus": f"{len(exchange.extensions)}/100",
    }
