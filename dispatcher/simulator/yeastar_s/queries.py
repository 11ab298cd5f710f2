"""Queries and hang-ups: live calls, trunks, IVRs, the device itself."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.yeastar.bodies import Body, listed, required
from dispatcher.simulator.yeastar.lists import device_info, ivr_details, trunk_status
from dispatcher.simulator.yeastar.transfers import put_through

Answer = dict[str, Any]


class Queries:
    """The endpoints that look, and the ones that end a call; each answers the fields beside `status`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._booted = time.monotonic()
        self.endpoints: Mapping[str, Callable[[Body], Answer]] = {
            "outbound/query": self._outbound,
            "inbound/query": self._inbound,
            "outbound/hangup": self._hang_up_outbound,
            "inbound/hangup": self._hang_up_inbound,
            "extension/hangup": self._hang_up_extension,
            "outbound/transfer_number": self._transfer_outbound,
            "trunklist/query": self._trunks,
            "ivr/query": self._ivrs,
            "deviceinfo/query": self._device,
        }

    def restarted(self) -> None:
        """The uptime begins anew."""
        self._booted = time.monotonic()

    def _outbound(self, body: Body) -> Answer:
        wanted = listed(body.get("outboundid"))
        return {
            "outbound": [
                {"outboundid": call.record.outboundid, **_seen(call)}
                for call in self._exchange.outbound_calls()
                if wanted is None or call.record.outboundid in wanted
            ]
        }

    def _inbound(self, body: Body) -> Answer:
        wanted = listed(body.get("inboundid"))
        return {
            "inbound": [
                {
                    "inboundid": call.record.callid,
                    **_seen(call),
                    "callee": [{"extid": call.plan.extension}],
                }
                for call in self._exchange.inbound_calls()
                if wanted is None or call.record.callid in wanted
            ]
        }

    def _hang_up_outbound(self, body: Body) -> Answer:
        (outboundid,) = required(body, "outboundid")
        return self._hang_up(self._exchange.by_outboundid.get(outboundid), "Outbound")

    def _hang_up_inbound(self, body: Body) -> Answer:
        (inboundid,) = required(body, "inboundid")
        return self._hang_up(self._exchange.live.get(inboundid), "Inbound")

    def _hang_up_extension(self, body: Body) -> Answer:
        (number,) = required(body, "extid")
        if number not in self._exchange.extensions:
            raise Refusal("10006")
        return self._hang_up(self._exchange.by_extension.get(number), "")

    def _hang_up(self, call: Call | None, direction: str) -> Answer:
        if call is None or (direction and call.plan.direction != direction):
            raise Refusal("10007")
        self._exchange.hang_up_soon(call, "hung up by the API")
        return {}

    def _transfer_outbound(self, body: Body) -> Answer:
        """The callid of the answer is the leg's own, as in the manual's sample."""
        outboundid, number, fromext = required(body, "outboundid", "number", "fromext")
        call = self._exchange.by_outboundid.get(outboundid)
        if call is None:
            raise Refusal("10007")
        put_through(self._exchange, call, number, fromext)
        return {"callid": outboundid}

    def _trunks(self, body: Body) -> Answer:
        exchange = self._exchange
        return {
            "trunklist": [
                {"trunkname": name, "status": trunk_status(exchange, name), "type": trunk.type}
                for name, trunk in exchange.trunks.items()
            ]
        }

    def _ivrs(self, body: Body) -> Answer:
        wanted = listed(body.get("ivrid"))
        known = {ivr.number: ivr for ivr in self._exchange.settings.ivrs}
        if wanted is not None and not wanted <= known.keys():
            raise Refusal("10012")
        return {
            "ivr": [
                {"ivrnumber": number, **ivr_details(ivr, self._exchange)}
                for number, ivr in known.items()
                if wanted is None or number in wanted
            ]
        }

    def _device(self, body: Body) -> Answer:
        return {"deviceinfo": device_info(self._exchange, self._booted, "Yeastar S100", "30.15.0.40")}


def _seen(call: Call) -> Answer:
    return {
        "from": call.plan.origin,
        "to": call.plan.shown_number,
        "trunk": call.record.trunk,
        "status": "Talking" if call.answered else "Progress",
    }
