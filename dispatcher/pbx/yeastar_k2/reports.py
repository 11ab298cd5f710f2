"""Events of API v2.0.0 (K2 API v2.0.0 manual, 'API events'), parsed.

A CallStatus shows every member of a call with what it is doing, at each change: it says again what was said
before, and may come after the call's NewCdr. Members of their own mind make several reports of one body.
The other events are those of API v1.1.0 under ``event``, with ``members`` for parties; reports of v1.1.0
itself are understood as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dispatcher.domain.reports import PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar.actions import ACTIONS, SPELLINGS
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.events import UNKNOWN, reports_of
from dispatcher.pbx.yeastar.lenient import read_object
from dispatcher.pbx.yeastar.parties import Member, members_of, parties_of
from dispatcher.pbx.yeastar.words import letters

CALL_STATUS = "CallStatus"

_EVENTS: dict[str, ReportEvent] = ACTIONS | dict.fromkeys(
    (
        CALL_STATUS,
        "Forward",
        "ConferenceStatus",
        "uacstacall",
        "sms-send",
        "QueueAgentRingNoAnswerTimeout",
        "QueueAutoPause",
    ),
    ReportEvent.OTHER,
)
REPORT_WORDS: tuple[str, ...] = (*_EVENTS, UNKNOWN)

_WORDS: dict[str, str] = {letters(word): word for word in _EVENTS} | SPELLINGS

_DOING: dict[str, ReportEvent] = {
    "ALERT": ReportEvent.RINGING,
    "RING": ReportEvent.RINGING,
    "ANSWERED": ReportEvent.ANSWERED,
    "ANSWER": ReportEvent.ANSWERED,
    "HOLD": ReportEvent.ANSWERED,
    "BYE": ReportEvent.RELEASED,
}
"""What a ``memberstatus`` says of its member ('CallStatus').

ALERT and ANSWERED are a caller's, RING and ANSWER a callee's. Which of them the outside party of an IVR's
call shows is not documented, so they mean the same. Only who has answered can be on hold.
"""


def parse(body: bytes) -> Sequence[Report]:
    """The reports in one body: one, or, of a CallStatus, one for each member that does something.

    An unknown event gives a report with ``ReportEvent.OTHER``. Raises ``ValueError`` when the body is
    no object, or names no event.
    """
    data = read_object(body)
    name = text(data.get("event")) or text(data.get("action"))
    if not name:
        raise ValueError("a report without an event")
    word = name if name in _EVENTS else _WORDS.get(letters(name), UNKNOWN)
    if word == CALL_STATUS:
        return _call_status(data)
    return reports_of(_EVENTS.get(word, ReportEvent.OTHER), word, parties_of(data), data)


def _call_status(data: dict[str, Any]) -> Sequence[Report]:
    """The first report shows all members, an outside one first, and tells what that one does.

    The others name theirs alone, so that an agent's answer never passes for the callee's, and no leg of
    it: which of two outside members is the callee only their numbers tell, and they are in the first.
    """
    callid, serial = text(data.get("callid")), text(data.get("sn"))
    members = sorted(members_of(data), key=lambda member: member.party.kind is PartyKind.EXTENSION)
    if not members:
        return (Report(ReportEvent.OTHER, CALL_STATUS, callid, serial),)
    everybody = tuple(member.party for member in members)
    found = [Report(_doing(members[0]), CALL_STATUS, callid, serial, everybody)]
    for member in members[1:]:
        event = _doing(member)
        if event is not ReportEvent.OTHER:
            found.append(Report(event, CALL_STATUS, callid, serial, (replace(member.party, leg=""),)))
    return found


def _doing(member: Member) -> ReportEvent:
    return _DOING.get(member.status.upper(), ReportEvent.OTHER)
