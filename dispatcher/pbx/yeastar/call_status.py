"""The event that shows every member of a call with what it is doing ('CallStatus', P-Series: 30011).

It is sent at each change, so it says again what was said before, and it may come after the call's record.
Members of their own mind make several reports of one body.
"""

from collections.abc import Sequence
from typing import Any

from dispatcher.domain.reports import PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.parties import Member, members_of

CALL_STATUS = "CallStatus"

_DOING: dict[str, ReportEvent] = {
    "ALERT": ReportEvent.RINGING,
    "RING": ReportEvent.RINGING,
    "EARLYMEDIA": ReportEvent.RINGING,
    "ANSWERED": ReportEvent.ANSWERED,
    "ANSWER": ReportEvent.ANSWERED,
    "HOLD": ReportEvent.ANSWERED,
    "BYE": ReportEvent.RELEASED,
}
"""What a ``memberstatus`` says of its member ('CallStatus').

ALERT and ANSWERED are a caller's, RING and ANSWER a callee's. Which of them the outside party of an IVR's
call shows is not documented, so they mean the same. Only who has answered can be on hold. EARLYMEDIA is
the P-Series' word for a callee that rings and is heard already (SIP 183).
"""


def call_status(data: dict[str, Any]) -> Sequence[Report]:
    """The reports in a CallStatus: one, and one for each further member that does something.

    The first shows all members, an outside one first, and tells what that one does. The others name theirs
    alone, so that an agent's answer never passes for the callee's, and no leg of it: which of two outside
    members is the callee only their numbers tell, and they are in the first.
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
            found.append(Report(event, CALL_STATUS, callid, serial, (member.party._replace(leg=""),)))
    return found


def _doing(member: Member) -> ReportEvent:
    return _DOING.get(member.status.upper(), ReportEvent.OTHER)
