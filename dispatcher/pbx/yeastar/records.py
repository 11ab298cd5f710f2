"""The download of call records, the same in API v1.1.0 and v2.0.0 but for one parameter's name.

A random string is asked for, good for thirty seconds, one download, our address and exactly this query
(S-Series API v1.1.0 manual, 'Download CDR'). Times are the PBX's local ones, without a zone. What comes
is a CSV whose columns no manual lists, or, where it failed, JSON with an ``errno``. That nothing is in the
records may be taken as proof that a call was never placed, so only a whole CSV, or the errno that says
so, counts as "no records"; everything else is an error.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, Report, ReportEvent
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.client import YeastarClient, text
from dispatcher.pbx.yeastar.events import cdr_of
from dispatcher.pbx.yeastar.words import letters

RECORD_TICKET, RECORDS = RECORD_OPERATIONS = ("record_ticket", "records")

_DOWNLOAD = "cdr/download"
_WORD = "NewCdr"
_TIME = "%Y-%m-%d %H:%M:%S"
_NEEDED = ("callid", "timestart", "callto", "status")
_LONGEST_FOLD = timedelta(hours=2)
"""More than any clock is ever set back by (Troll in Antarctica: two hours)."""

_DELIMITERS = (",", ";", "\t")
_EPOCH = re.compile(r"(\d{9,11})\.\d+")


class CallRecords:
    """Fetches the call records of one PBX."""

    def __init__(self, client: YeastarClient, zone: tzinfo, whose: str) -> None:
        """``whose`` is the parameter that names the extensions: ``extid``, or ``number`` in API v2.0.0."""
        self._client = client
        self._zone = zone
        self._whose = whose

    def fetch(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The records of all calls that began within a time, oldest first, and perhaps a few more.

        With an extension's number instead of ``all`` those of IVR calls may be missing (inferred).
        """
        start, end = (at.strftime(_TIME) for at in local_span(since, until, self._zone))
        query = {self._whose: "all", "starttime": start, "endtime": end}
        try:
            ticket = text(self._client.ask(RECORD_TICKET, "cdr/get_random", query, session).get("random"))
            if not ticket:
                raise unreadable("cdr/get_random", "no random string")
            body = self._client.download(RECORDS, _DOWNLOAD, query | {"random": ticket}, session)
        except PbxRefused as refusal:
            if refusal.reason is Reason.NOTHING_FOUND:
                return ()
            raise
        return records_in(body, self._zone)


def local_span(since: datetime, until: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """A time as the PBX's clock shows it, without a zone, widened where that clock is set back meanwhile.

    The PBX compares clock times as text. In the hour that comes twice a later call has an earlier
    time, so the span begins as early as it can have got, and ends as late.
    """
    first = min(_clock_time(since, zone), _clock_time(since + _LONGEST_FOLD, zone) - _LONGEST_FOLD)
    last = max(_clock_time(until, zone), _clock_time(until - _LONGEST_FOLD, zone) + _LONGEST_FOLD)
    return first, last + timedelta(seconds=1)


def records_in(body: bytes, zone: tzinfo) -> Sequence[Report]:
    """The records of a downloaded CSV, oldest first; columns in any order, unknown ones ignored.

    Raises :class:`~dispatcher.pbx.errors.PbxInDoubt` when it is no CSV, or lacks a column without
    which a record can't be told from another.
    """
    found = [_report(row, zone) for row in _rows(_decoded(body)) if text(row.get("callid"))]
    return sorted(found, key=by_begin)


def by_begin(report: Report) -> tuple[float, str]:
    """What records are sorted by: when their calls began, then their callids."""
    began = report.cdr.began if report.cdr else None
    return (began.timestamp() if began else 0.0), report.callid


def _decoded(body: bytes) -> str:
    """The text of a CSV: UTF-8, UTF-16 where it says so, or what a Chinese PBX writes."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1")


def _rows(content: str) -> Iterator[dict[str, Any]]:
    content = content.replace("\x00", "").lstrip("\ufeff \t\r\n")
    head = content.splitlines()[0] if content else ""
    delimiter = max(_DELIMITERS, key=head.count)
    lines = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        names = [letters(name) for name in next(lines, [])]
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise unreadable(_DOWNLOAD, f"no column {missing[0]}")
        for line in lines:
            if any(line):
                yield dict(zip(names, line, strict=False))
    except csv.Error:
        raise unreadable(_DOWNLOAD, "a line that is no CSV") from None


def _report(row: Mapping[str, Any], zone: tzinfo) -> Report:
    callid = text(row["callid"])
    cdr = cdr_of(row)
    cdr = cdr._replace(began=_began(cdr, callid, zone))
    return Report(ReportEvent.CDR, _WORD, callid, text(row.get("sn")), cdr=cdr)


def _began(cdr: Cdr, callid: str, zone: tzinfo) -> datetime | None:
    """When a call began. The hour that comes twice is told apart by the callid, which holds the epoch."""
    epoch = _EPOCH.fullmatch(callid)
    minted = datetime.fromtimestamp(int(epoch[1]), UTC) if epoch else None
    try:
        shown = datetime.strptime(cdr.started, _TIME).replace(tzinfo=zone)
    except ValueError:
        return minted
    readings = [shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    if minted is None:
        return readings[0]
    return min(readings, key=lambda reading: abs(reading - minted))


def _clock_time(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
