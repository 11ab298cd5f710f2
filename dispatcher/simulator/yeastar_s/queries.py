"""Queries and hang-ups: live calls, trunks, IVRs, the device itself."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from dispatcher.simulator.yeastar_s.call import Call
from dispatcher.simulator.yeastar_s.exchange import Exchange
from dispatcher.simulator.yeastar_s.sessions import ApiError

Body = Mapping[str, Any]
Answer = dict[str, Any]


class Queries:
    """The endpoints that look, and the ones that end a call; each answers the fields beside `status`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._booted = time.monotonic()
        self.endpoints: dict[str, Callable[[Body], Answer]] = {
            "outbound/query": self._outbound,
            "inbound/query": self._inbound,
            "outbound/hangup": self._hang_up_outbound,
            "inbound/hangup": self._hang_up_inbound,
            "extension/hangup": self._hang_up_extension,
            "trunklist/query": self._trunks,
            "ivr/query": self._ivrs,
            "deviceinfo/query": self._device,
        }

    def _outbound(self, body: Body) -> Answer:
        wanted = _listed(body.get("outboundid"))
        return {
            "outbound": [
                {
                    "outboundid": call.record.outboundid,
                    "from": call.plan.origin,
                    "to": call.plan.shown_number,
                    "trunk": call.record.trunk,
                    "status": "Talking" if call.answered else "Progress",
                }
                for call in self._exchange.outbound_calls()
                if wanted is None or call.record.outboundid in wanted
            ]
        }

    def _inbound(self, body: Body) -> Answer:
        wanted = _listed(body.get("inboundid"))
        return {
            "inbound": [
                {
                    "inboundid": call.record.callid,
                    "from": call.plan.origin,
                    "to": call.plan.shown_number,
                    "trunk": call.record.trunk,
                    "status": "Talking" if call.answered else "Progress",
                    "callee": [{"extid": call.plan.extension}],
                }
                for call in self._exchange.inbound_calls()
                if wanted is None or call.record.callid in wanted
            ]
        }

    def _hang_up_outbound(self, body: Body) -> Answer:
        return self._hang_up(self._exchange.by_outboundid.get(_value(body, "outboundid")), "Outbound")

    def _hang_up_inbound(self, body: Body) -> Answer:
        return self._hang_up(self._exchange.live.get(_value(body, "inboundid")), "Inbound")

    def _hang_up_extension(self, body: Body) -> Answer:
        number = _value(body, "extid")
        if number not in self._exchange.extensions:
            raise ApiError("10006")
        return self._hang_up(self._exchange.by_extension.get(number), "")

    def _hang_up(self, call: Call | None, direction: str) -> Answer:
        if call is None or (direction and call.plan.direction != direction):
            raise ApiError("10007")
        self._exchange.loop.call_soon(self._end, call)
        return {}

    def _end(self, call: Call) -> None:
        if not call.over:
            call.hang_up("hung up by the API")

    def _trunks(self, body: Body) -> Answer:
        listed = []
        for tally in self._exchange.judge.trunks():
            kind, up = self._exchange.trunks[tally.name].type, tally.name not in self._exchange.down
            busy = tally.ours + tally.others >= tally.channels
            listed.append(
                {"trunkname": tally.name, "status": _trunk_status(kind, up=up, busy=busy), "type": kind}
            )
        return {"trunklist": listed}

    def _ivrs(self, body: Body) -> Answer:
        wanted = _listed(body.get("ivrid"))
        known = {ivr.number: ivr for ivr in self._exchange.settings.ivrs}
        if wanted is not None and not wanted <= known.keys():
            raise ApiError("10012")
        return {
            "ivr": [
                {
                    "ivrnumber": ivr.number,
                    "ivrname": ivr.number,
                    "prompt": "[Default]",
                    "promptrepeat": str(ivr.repeats),
                    "responsetimeout": f"{self._exchange.timing.response:.0f}",
                    "digittimeout": "3",
                    "dialext": "on",
                    "dialoutboundroutes": "off",
                    "dialtocheckvoicemail": "off",
                }
                for ivr in known.values()
                if wanted is None or ivr.number in wanted
            ]
        }

    def _device(self, body: Body) -> Answer:
        now = time.time()
        local = self._exchange.clock.local_time(now)
        offset = _hours(local, now)
        up = int(time.monotonic() - self._booted)
        extensions = len(self._exchange.extensions)
        return {
            "deviceinfo": {
                "devicename": "Yeastar S100",
                "sn": self._exchange.settings.serial,
                "hardwarever": "V1.30 0000-0000",
                "firmwarever": "30.15.0.40",
                "systemtime": f"{local} UTC{offset:+d}",
                "uptime": f"{up // 3600:02d}:{up // 60 % 60:02d}:{up % 60:02d}",
                "extensionstatus": f"{extensions}/100",
            }
        }

    def restarted(self) -> None:
        """The uptime begins anew."""
        self._booted = time.monotonic()


def _trunk_status(kind: str, *, up: bool, busy: bool) -> str:
    """The words of the manual's trunk list; their case differs between its table and its samples."""
    match kind:
        case "FXO" | "GSM":
            return ("Busy" if busy else "Idle") if up else ("Fault" if kind == "FXO" else "No Signal")
        case "BRI" | "E1":
            return "Up" if up else "Down"
        case _:
            return "Registered" if up else "failure"


def _hours(local: str, now: float) -> int:
    """Whole hours between the PBX's local time and UTC."""
    shown = datetime.strptime(local, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return round((shown.timestamp() - now) / 3600)


def _listed(value: object) -> set[str] | None:
    """The ids of a comma list; None when the parameter is absent or blank, which means all."""
    text = str(value or "").strip()
    return {item.strip() for item in text.split(",")} if text else None


def _value(body: Body, name: str) -> str:
    text = str(body.get(name) or "").strip()
    if not text:
        raise ApiError("10004")
    return text
