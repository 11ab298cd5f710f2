"""Call records: the NewCdr report's fields, and the CSV download with its one-time random string.

The CSV's columns are not in the manual; they are the ones that public importers of S-Series records read.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

COLUMNS = (
    "callid,timestart,callfrom,callto,callduraction,talkduraction,srctrunkname,dsttrunkname,"
    "status,type,pincode,recording,didnumber,sn"
)
TIME_FORMAT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call record; durations in whole seconds."""

    callid: str
    timestart: str
    callfrom: str
    callto: str
    call_seconds: int
    talk_seconds: int
    source_trunk: str
    destination_trunk: str
    status: str
    type: str
    recording: str = ""
    did: str = ""
    agent_ring_seconds: int | None = None

    def report_fields(self) -> str:
        """The fields of a NewCdr report, from `timestart` on; absent ones are left out, as in the samples."""
        source = f'"srctrunkname":"{self.source_trunk}",' if self.source_trunk else ""
        destination = f'"desttrunkname":"{self.destination_trunk}",' if self.destination_trunk else ""
        did = f',"didnumber":"{self.did}"' if self.did else ""
        agent = "" if self.agent_ring_seconds is None else f',"agentringtime":"{self.agent_ring_seconds}"'
        recording = f',"recording":"{self.recording}"' if self.recording else ""
        return (
            f'"timestart":"{self.timestart}","callfrom":"{self.callfrom}","callto":"{self.callto}",'
            f'{source}{destination}"callduraction":"{self.call_seconds}","talkduraction":"{self.talk_seconds}",'
            f'"status":"{self.status}","type":"{self.type}"{did}{agent}{recording}'
        )

    def csv_row(self, serial: str) -> str:
        """The record as a line of the download."""
        return (
            f"{self.callid},{self.timestart},{self.callfrom},{self.callto},{self.call_seconds},{self.talk_seconds},"
            f"{self.source_trunk},{self.destination_trunk},{self.status},{self.type},,{self.recording},{self.did},"
            f"{serial}"
        )


class CdrError(Exception):
    """A download that the PBX refuses; `errno` is the API's."""

    def __init__(self, errno: str) -> None:
        super().__init__(errno)
        self.errno = errno


@dataclass(frozen=True, slots=True)
class _Ticket:
    extid: str
    starttime: str
    endtime: str
    allowed: frozenset[str]
    expires: float


class CdrStore:
    """Every call record, and the random strings that are good for one download each."""

    def __init__(self, serial: str, random_lifetime: float) -> None:
        self._serial = serial
        self._lifetime = random_lifetime
        self._rows: list[CallDetail] = []
        self._tickets: dict[str, _Ticket] = {}

    def add(self, row: CallDetail) -> None:
        """Write one record."""
        self._rows.append(row)

    def clear(self) -> None:
        """Forget every record."""
        self._rows.clear()

    def random(self, peer: str, body: Mapping[str, str]) -> dict[str, str]:
        """cdr/get_random: a random string for exactly this query; CdrError 10004, 20019."""
        wanted = {name: str(body.get(name) or "") for name in ("extid", "starttime", "endtime")}
        if not all(wanted.values()):
            raise CdrError("10004")
        if not all(TIME_FORMAT.fullmatch(wanted[name]) for name in ("starttime", "endtime")):
            raise CdrError("20019")
        allowed = frozenset(ip for ip in (peer, str(body.get("allowedip") or "")) if ip)
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = _Ticket(**wanted, allowed=allowed, expires=time.monotonic() + self._lifetime)
        return {**wanted, "random": ticket}

    def download(self, peer: str, query: Mapping[str, str]) -> str:
        """cdr/download: the CSV; CdrError 20020 (unknown, used, too old, other query or peer), 20021."""
        ticket = self._tickets.pop(query.get("random", ""), None)
        asked = tuple(query.get(name, "") for name in ("extid", "starttime", "endtime"))
        if ticket is None or ticket.expires < time.monotonic() or peer not in ticket.allowed:
            raise CdrError("20020")
        if asked != (ticket.extid, ticket.starttime, ticket.endtime):
            raise CdrError("20020")
        extensions = None if ticket.extid == "all" else set(ticket.extid.split(","))
        rows = [
            row.csv_row(self._serial)
            for row in self._rows
            if ticket.starttime <= row.timestart <= ticket.endtime
            and (extensions is None or row.callfrom in extensions or row.callto in extensions)
        ]
        if not rows:
            raise CdrError("20021")
        return "\r\n".join([COLUMNS, *rows, ""])
