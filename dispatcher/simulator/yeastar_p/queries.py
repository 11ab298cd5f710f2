"""What the OpenAPI tells: live calls, trunks, IVRs, the box itself, call records."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dispatcher.simulator.exchange.call import Call
from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.exchange.exchange import Exchange
from dispatcher.simulator.yeastar.bodies import Body, optional, required
from dispatcher.simulator.yeastar.members import Members
from dispatcher.simulator.yeastar.transfers import put_through
from dispatcher.simulator.yeastar_p.bodies import PRefusal
from dispatcher.simulator.yeastar_p.display import Display
from dispatcher.simulator.yeastar_p.words import (
    NOT_FOUND,
    PARAMETER,
    SIP_TRUNK_DOWN,
    TRUNK_BUSY,
    TRUNK_DOWN,
    TRUNK_UP,
)

Answer = dict[str, Any]
Query = Mapping[str, str]
USUAL_PAGE = 20


class Queries:
    """The endpoints that look, and the one that ends a call; each answers the fields beside `errcode`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._display = Display(exchange.settings)
        self._booted = time.monotonic()
        self.endpoints: Mapping[str, Callable[[Query], Answer]] = {
            "call/query": self._calls,
            "trunk/list": self._trunks,
            "ivr/list": self._ivrs,
            "system/information": self._information,
            "cdr/search": self._search,
            "cdr/list": self._records,
        }

    def restarted(self) -> None:
        """The uptime begins anew."""
        self._booted = time.monotonic()

    def hang_up(self, body: Body) -> Answer:
        """call/hangup; Refusal 60001 when there is no such channel."""
        (channel,) = required(body, "channel_id")
        self._exchange.hang_up_soon(self._with_channel(channel), "hung up by the API")
        return {}

    def transfer(self, body: Body) -> Answer:
        """call/transfer, blind; Refusal 60001 when there is no such channel."""
        kind, channel, number = required(body, "type", "channel_id", "number")
        if kind != "blind":
            raise PRefusal(PARAMETER)
        call = self._with_channel(channel)
        put_through(self._exchange, call, number, optional(body, "dial_permission"))
        return {"call_id": call.record.callid}

    def _with_channel(self, channel: str) -> Call:
        for call in self._exchange.live.values():
            if any(leg.channelid == channel for leg in _members(call).legs):
                return call
        raise PRefusal(NOT_FOUND)

    def _calls(self, query: Query) -> Answer:
        found = [_seen(call) for call in self._asked_for(query)]
        if not found:
            raise PRefusal(NOT_FOUND)
        return {"data": found}

    def _asked_for(self, query: Query) -> Iterable[Call]:
        live = self._exchange.live
        callid, kind, extension = (query.get(name, "") for name in ("call_id", "type", "extension"))
        if callid:
            return [live[callid]] if callid in live else []
        if extension:
            return [call for call in live.values() if _has(call, "ext", extension)]
        if kind not in ("", "inbound", "outbound", "internal"):
            raise PRefusal(PARAMETER)
        return [call for call in live.values() if not kind or (call.seized and _has(call, kind))]

    def _trunks(self, query: Query) -> Answer:
        trunks = enumerate(self._exchange.trunks.items(), 1)
        return self._paged(
            [
                {"id": place, "status": self._trunk_status(name), "name": name, "type": trunk.type.lower()}
                for place, (name, trunk) in trunks
            ],
            query,
        )

    def _trunk_status(self, name: str) -> int:
        if name in self._exchange.down:
            return TRUNK_DOWN.get(self._exchange.trunks[name].type, SIP_TRUNK_DOWN)
        tally = self._exchange.judge.trunk(name)
        return TRUNK_BUSY if tally.ours + tally.others >= tally.channels else TRUNK_UP

    def _ivrs(self, query: Query) -> Answer:
        ivrs = self._exchange.settings.ivrs
        return self._paged(
            [{"id": place, "number": ivr.number, "name": ivr.number} for place, ivr in enumerate(ivrs, 1)],
            query,
        )

    def _information(self, query: Query) -> Answer:
        now, settings = time.time(), self._exchange.settings
        return {
            "data": {
                "device_name": "PBX",
                "model_name": "P-Series Software Edition",
                "sn": settings.serial,
                "firmware_version": "83.20.0.128",
                "system_time": self._display.shown(self._exchange.clock.local_time(now)),
                "up_time": int(time.monotonic() - self._booted),
                "system_date_format": settings.date_format,
                "system_time_format": "hh:mm:ss",
                "timestamp": int(now + settings.clock_ahead),
            }
        }

    def _search(self, query: Query) -> Answer:
        """A time in another format than the box shows finds nothing, as is reported of real boxes."""
        start, end = (self._display.read(query.get(name, "")) for name in ("start_time", "end_time"))
        if start is None or end is None:
            return self._recorded([], query)
        found = [row for row in self._exchange.rows if start <= row.timestart <= end]
        return self._recorded(found, query)

    def _records(self, query: Query) -> Answer:
        return self._recorded(self._exchange.rows, query)

    def _recorded(self, rows: Sequence[CallDetail], query: Query) -> Answer:
        newest_first = query.get("order_by") == "desc"
        ordered = sorted(rows, key=lambda row: row.timestart, reverse=newest_first)
        return self._paged([self._record(row) for row in ordered], query)

    def _record(self, row: CallDetail) -> Answer:
        """A row; what does not apply is left out."""
        fields = {
            "time": self._display.shown(row.timestart),
            "timestamp": int(row.callid.partition(".")[0]),
            "call_id": row.callid,
            "call_from": self._named(row.callfrom),
            "call_from_number": row.callfrom,
            "call_to": self._named(row.callto),
            "call_to_number": row.callto,
            "disposition": row.status,
            "call_type": row.type,
            "duration": row.call_seconds,
            "talk_duration": row.talk_seconds,
            "src_trunk": row.source_trunk,
            "dst_trunk": row.destination_trunk,
            "did_number": row.did,
            "record_file": row.recording,
        }
        return {name: value for name, value in fields.items() if value != ""}

    def _named(self, number: str) -> str:
        return f"Desk {number}<{number}>" if number in self._exchange.extensions else number

    def _paged(self, entries: Sequence[Answer], query: Query) -> Answer:
        try:
            page, size = int(query.get("page") or 1), int(query.get("page_size") or USUAL_PAGE)
        except ValueError:
            raise PRefusal(PARAMETER) from None
        size = min(size, self._exchange.settings.largest_page)
        start = (page - 1) * size
        return {"total_number": len(entries), "data": list(entries[start : start + size])}


def _members(call: Call) -> Members:
    members: Members = call.notes
    return members


def _has(call: Call, kind: str, number: str = "") -> bool:
    legs = _members(call).legs
    return any(leg.kind == kind and (not number or leg.identity.get("number") == number) for leg in legs)


def _seen(call: Call) -> Answer:
    """A leg that does not ring yet is there, without a status."""
    members = [leg.as_dict(status=bool(leg.status)) for leg in _members(call).legs]
    return {"call_id": call.record.callid, "members": members}
