"""The call records of a P-Series, searched by time (P-Series developer guide, 'Search Specific CDR').

Times must be written as the PBX shows them: the date in one of several orders, the hours up to 12 or to 24.
How, ``system/information`` tells. A time that the PBX misreads finds nothing, and nothing found may be taken
as proof that a call was never placed; so when nothing is found, it is looked whether the newest record
of all belongs to the time, and if it does, nobody knows.

A call has a record for each of its legs. Beside the display's time, each has its time as an epoch.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.pbx.answers import unreadable
from dispatcher.pbx.protocol import Session
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.events import cdr_of
from dispatcher.pbx.yeastar.records import by_begin, local_span
from dispatcher.pbx.yeastar_p.api import OpenApi

INFORMATION, SEARCH, LIST = "system/information", "cdr/search", "cdr/list"

_DATE = {"YYYY": "%Y", "MM": "%m", "DD": "%d"}
_ORDER = re.compile(r"(YYYY|MM|DD)([-/. ])(YYYY|MM|DD)\2(YYYY|MM|DD)")
_HALF_DAYS = re.compile(r"[AP]M?\b", re.IGNORECASE)


def search(
    api: OpenApi, session: Session, since: datetime, until: datetime, zone: tzinfo
) -> Sequence[Report]:
    """The records of all calls that began within a time, oldest first; raises :class:`PbxError`."""
    form = display_format(api.get(INFORMATION, session).get("data"))
    start, end = (at.strftime(form) for at in local_span(since, until, zone))
    rows = api.pages(SEARCH, session, start_time=start, end_time=end, sort_by="time", order_by="asc")
    if not rows:
        _confirm_none(api, session, since, until)
    return sorted(map(_report, rows), key=by_begin)


def display_format(information: Any) -> str:
    """How the PBX reads a time, for ``strftime``; raises :class:`PbxInDoubt` where it does not tell."""
    found = information if isinstance(information, dict) else {}
    order = _ORDER.fullmatch(text(found.get("system_date_format")).upper())
    if order is None or len({order[1], order[3], order[4]}) != 3:
        raise unreadable(INFORMATION, "no format of dates that is known")
    date = order[2].join(_DATE[part] for part in (order[1], order[3], order[4]))
    shown = f"{text(found.get('system_time_format'))} {text(found.get('system_time'))}"
    return f"{date} %I:%M:%S %p" if _HALF_DAYS.search(shown) else f"{date} %H:%M:%S"


def _confirm_none(api: OpenApi, session: Session, since: datetime, until: datetime) -> None:
    newest = api.listed(LIST, session, page="1", page_size="1", sort_by="time", order_by="desc")
    if any(since <= began <= until for row in newest if (began := _began(row)) is not None):
        raise unreadable(SEARCH, "no record of a time in which there are some")


def _report(row: dict[str, Any]) -> Report:
    """A record; one that names no call could be that of any call, so it makes the whole search worthless."""
    callid = text(row.get("call_id"))
    if not callid:
        raise unreadable(SEARCH, "a record without a call_id")
    cdr = cdr_of(
        {
            "status": row.get("disposition") or row.get("status"),
            "type": row.get("call_type") or row.get("type"),
            "callto": row.get("call_to_number") or row.get("call_to"),
            "callfrom": row.get("call_from_number") or row.get("call_from"),
            "callduration": row.get("duration"),
            "talkduration": row.get("talk_duration"),
            "srctrunkname": row.get("src_trunk"),
            "dsttrunkname": row.get("dst_trunk"),
            "recording": row.get("record_file") or row.get("recording"),
            "timestart": row.get("time"),
        }
    )
    return Report(ReportEvent.CDR, "NewCdr", callid, cdr=cdr._replace(began=_began(row)))


def _began(row: dict[str, Any]) -> datetime | None:
    """When a record's leg began: by its timestamp, else by the callid, which holds the epoch."""
    for value in (row.get("timestamp"), text(row.get("call_id")).partition(".")[0]):
        epoch = text(value)
        if epoch.isascii() and epoch.isdigit() and 9 <= len(epoch) <= 11:
            return datetime.fromtimestamp(int(epoch), UTC)
    return None
