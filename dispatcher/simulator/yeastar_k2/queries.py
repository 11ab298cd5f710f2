"""Queries and the hang-up of API v2.0.0: live calls, trunks, IVRs, the box itself."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.yeastar.bodies import Body, listed, optional, required
from dispatcher.simulator.yeastar.lists import device_info, ivr_details, trunk_status
from dispatcher.simulator.yeastar.transfers import put_through
from dispatcher.simulator.yeastar_k2.reporter import Notes

Answer = dict[str, Any]
NO_SUCH_CALL = "10005"
NO_SUCH_EXTENSION = "10006"
NO_SUCH_IVR = "10012"
NO_SUCH_CHANNEL = "10103"


class Queries:
    """The endpoints that look, and the one that ends a call; each answers the fields beside `status`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._booted = time.monotonic()
        self.endpoints: Mapping[str, Callable[[Body], Answer]] = {
            "call/query": self._calls,
            "call/hangup": self._hang_up,
            "call/transfer": self._transfer,
            "extension/query_call": self._extension_calls,
            "trunk/list": self._trunks,
            "ivr/query": self._ivrs,
            "deviceinfo/query": self._device,
        }

    def restarted(self) -> None:
        """The uptime begins anew."""
        self._booted = time.monotonic()

    def _calls(self, body: Body) -> Answer:
        callid, kind = optional(body, "callid"), optional(body, "type")
        if callid:
            call = self._exchange.live.get(callid)
            if call is None:
                raise Refusal(NO_SUCH_CALL)
            return {"Calls": [_seen(call)]}
        if kind not in ("inbound", "outbound"):
            raise Refusal("10004")
        return {"Calls": [_seen(call) for call in self._with(kind)]}

    def _with(self, kind: str) -> Iterable[Call]:
        live = self._exchange.live.values()
        return [
            call
            for call in live
            if call.seized and any(member.kind == kind for member in _notes(call).members.legs)
        ]

    def _hang_up(self, body: Body) -> Answer:
        (channelid,) = required(body, "channelid")
        call = self._with_channel(channelid)
        self._exchange.hang_up_soon(call, "hung up by the API")
        return {"callid": call.record.callid}

    def _transfer(self, body: Body) -> Answer:
        channelid, number = required(body, "channelid", "number")
        call = self._with_channel(channelid)
        put_through(self._exchange, call, number, optional(body, "dialpermission"))
        return {"callid": call.record.callid}

    def _with_channel(self, channelid: str) -> Call:
        for call in self._exchange.live.values():
            if any(member.channelid == channelid for member in _notes(call).members.legs):
                return call
        raise Refusal(NO_SUCH_CHANNEL)

    def _extension_calls(self, body: Body) -> Answer:
        (number,) = required(body, "number")
        known = self._exchange.extensions.keys()
        wanted = set(known) if number == "all" else (listed(number) or set())
        if not wanted <= known:
            raise Refusal(NO_SUCH_EXTENSION)
        return {
            "calllist": [
                {"number": each, "numbercalls": [_seen(call) for call in self._of(each)]}
                for each in sorted(wanted)
            ]
        }

    def _of(self, extension: str) -> Iterable[Call]:
        return [
            call
            for call in self._exchange.live.values()
            if any(member.identity.get("number") == extension for member in _notes(call).members.legs)
        ]

    def _trunks(self, body: Body) -> Answer:
        exchange = self._exchange
        return {
            "trunklist": [
                {
                    "trunkname": name,
                    "id": str(position),
                    "status": trunk_status(exchange, name).lower(),
                    "type": trunk.type,
                }
                for position, (name, trunk) in enumerate(exchange.trunks.items(), 1)
            ]
        }

    def _ivrs(self, body: Body) -> Answer:
        (number,) = required(body, "number")
        known = {ivr.number: ivr for ivr in self._exchange.settings.ivrs}
        wanted = set(known) if number == "all" else (listed(number) or set())
        if not wanted <= known.keys():
            raise Refusal(NO_SUCH_IVR)
        return {
            "ivr": [
                {"number": each, **ivr_details(ivr, self._exchange)}
                for each, ivr in known.items()
                if each in wanted
            ]
        }

    def _device(self, body: Body) -> Answer:
        return {"deviceinfo": device_info(self._exchange, self._booted, "Yeastar K2", "80.13.0.30")}


def _notes(call: Call) -> Notes:
    notes: Notes = call.notes
    return notes


def _seen(call: Call) -> Answer:
    """A leg that does not ring yet is there, without a status."""
    members = [member.as_dict(status=bool(member.status)) for member in _notes(call).members.legs]
    return {"members": members, "callid": call.record.callid}
