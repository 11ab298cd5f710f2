"""Call records as a CSV download with its one-time random string.

The CSV's columns are not in the manuals; they are the ones that public importers of S-Series records read.
"""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dispatcher.simulator.exchange.detail import CallDetail
from dispatcher.simulator.exchange.refusal import Refusal
from dispatcher.simulator.settings import SimulatorSettings

COLUMNS = (
    "callid,timestart,callfrom,callto,callduraction,talkduraction,srctrunkname,dsttrunkname,"
    "status,type,pincode,recording,didnumber,sn"
)
TIME_FORMAT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


def csv_row(row: CallDetail, serial: str, status: str) -> str:
    """A record as a line of the download, `status` in the words of the family."""
    return (
        f"{row.callid},{row.timestart},{row.callfrom},{row.callto},{row.call_seconds},{row.talk_seconds},"
        f"{row.source_trunk},{row.destination_trunk},{status},{row.type},,{row.recording},{row.did},{serial}"
    )


@dataclass(frozen=True, slots=True)
class _Ticket:
    extensions: str
    starttime: str
    endtime: str
    allowed: frozenset[str]
    expires: float


class CdrDownload:
    """Hands out random strings that are good for one download each.

    `parameter` names the extensions asked for: `extid` in v1.1.0, `number` in v2.0.0. `words` are the
    family's for a record's status, where it does not use the exchange's.
    """

    def __init__(
        self,
        rows: Sequence[CallDetail],
        settings: SimulatorSettings,
        parameter: str,
        words: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._rows = rows
        self._serial = settings.serial
        self._lifetime = settings.cdr_random_lifetime
        self._words = words
        self._parameters = (parameter, "starttime", "endtime")
        self._tickets: dict[str, _Ticket] = {}

    def random(self, peer: str, body: Mapping[str, str]) -> dict[str, str]:
        """cdr/get_random: a random string for exactly this query; Refusal 10004, 20019."""
        wanted = {name: str(body.get(name) or "") for name in self._parameters}
        extensions, starttime, endtime = wanted.values()
        if not all(wanted.values()):
            raise Refusal("10004")
        if not TIME_FORMAT.fullmatch(starttime) or not TIME_FORMAT.fullmatch(endtime):
            raise Refusal("20019")
        allowed = frozenset(ip for ip in (peer, str(body.get("allowedip") or "")) if ip)
        ticket = secrets.token_hex(16)
        expires = time.monotonic() + self._lifetime
        self._tickets[ticket] = _Ticket(extensions, starttime, endtime, allowed, expires)
        return {**wanted, "random": ticket}

    def download(self, peer: str, query: Mapping[str, str]) -> str:
        """cdr/download: the CSV; Refusal 20020 (unknown, used, too old, other query or peer), 20021."""
        ticket = self._tickets.pop(query.get("random", ""), None)
        asked = tuple(query.get(name, "") for name in self._parameters)
        if ticket is None or ticket.expires < time.monotonic() or peer not in ticket.allowed:
            raise Refusal("20020")
        if asked != (ticket.extensions, ticket.starttime, ticket.endtime):
            raise Refusal("20020")
        extensions = None if ticket.extensions == "all" else set(ticket.extensions.split(","))
        rows = [
            csv_row(row, self._serial, self._words.get(row.status, row.status))
            for row in self._rows
            if ticket.starttime <= row.timestart <= ticket.endtime
            and (extensions is None or row.callfrom in extensions or row.callto in extensions)
        ]
        if not rows:
            raise Refusal("20021")
        return "\r\n".join([COLUMNS, *rows, ""])
