"""Events of the PBX API (Axeos manual, 'Events'), parsed.

Call events come only for calls that pass an 'API events' action of the dial plan, and are about local phones:
they tell nothing of an outside party, of keys or of prompts. ``call finished`` with the reason ``expired``
says that the PBX has stopped watching the call, and not that it is over.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dispatcher.domain.reports import Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.axeos.api import text
from dispatcher.pbx.axeos.dialling import ORIGINATE
from dispatcher.pbx.protocol import LiveCall

FINISHED = "call finished"
MAILBOX = "voicemail"
"""Our name for a mailbox's event, since the manual has none."""
UNKNOWN = "unknown"

_EVENTS: dict[str, ReportEvent] = {
    "phone status update": ReportEvent.OTHER,
    "user logged in": ReportEvent.OTHER,
    "user logged out": ReportEvent.OTHER,
    "user list changed": ReportEvent.OTHER,
    "phone list changed": ReportEvent.OTHER,
    "incoming call": ReportEvent.OTHER,
    "internal dial": ReportEvent.RINGING,
    "call answered": ReportEvent.ANSWERED,
    FINISHED: ReportEvent.OTHER,
    "blind transfer": ReportEvent.TRANSFERRED,
    "attended transfer": ReportEvent.TRANSFERRED,
}
REPORT_WORDS: tuple[str, ...] = (*_EVENTS, MAILBOX, UNKNOWN, ORIGINATE)

_HUNG_UP, _FAILURE = "hangup", "failure"


def parse(body: bytes) -> Sequence[Report]:
    """The report in one event; an unknown event is one with ``ReportEvent.OTHER``.

    Raises ``ValueError`` when the body is no object, or names no event.
    """
    try:
        data = json.loads(body)
    except RecursionError:
        raise ValueError("an event that is nested too deeply") from None
    name = text(data.get("event_type")).lower() if isinstance(data, dict) else ""
    if not name:
        raise ValueError("an event without a type")
    word = name if name in _EVENTS else MAILBOX if "voicemail_uuid" in data else UNKNOWN
    event, parties = _meaning(word, data)
    target = data.get("transfer_target")
    told = text(target.get("number")) if isinstance(target, dict) else ""
    return (Report(event, word, text(data.get("unique_id")), parties=parties, reason_text=told),)


def _meaning(word: str, data: Mapping[str, Any]) -> tuple[ReportEvent, tuple[Party, ...]]:
    """What an event says has happened, and to whom: phones that ring or answer, else the caller."""
    event = _EVENTS.get(word, ReportEvent.OTHER)
    if event in (ReportEvent.RINGING, ReportEvent.ANSWERED):
        phones = _phones(data.get("targets"), data.get("target"))
        return (event, phones) if phones else (ReportEvent.OTHER, ())
    if word == FINISHED and text(data.get("reason")).lower() == _HUNG_UP:
        event = ReportEvent.OVER
    if event is ReportEvent.TRANSFERRED and text(data.get("status")).lower() == _FAILURE:
        event = ReportEvent.OTHER
    caller = data.get("caller")
    return event, (_caller(caller),) if isinstance(caller, dict) else ()


def _phones(*found: Any) -> tuple[Party, ...]:
    """The local phones that are dialled or have answered. None of them is the far end of our call."""
    targets = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return tuple(
        Party(PartyKind.EXTENSION, _name(target), leg=text(target.get("unique_id")))
        for target in targets
        if isinstance(target, dict)
    )


def _caller(caller: Mapping[str, Any]) -> Party:
    trunk = text(caller.get("trunk_uuid"))
    if trunk:
        return Party(PartyKind.INBOUND, text(caller.get("number")), trunk)
    return Party(PartyKind.EXTENSION, _name(caller))


def _name(party: Mapping[str, Any]) -> str:
    return text(party.get("user_uuid")) or text(party.get("number")) or text(party.get("phone_uuid"))


def live_call_of(callid: str, data: Mapping[str, Any]) -> LiveCall:
    """A call that is up, from its information, which has the format of call events."""
    caller = data.get("caller")
    return LiveCall(
        leg=callid,
        number=text(data.get("called_extension")) or text(data.get("called_did")),
        trunk="",
        direction=PartyKind.EXTENSION,
        caller=_caller(caller).number if isinstance(caller, dict) else "",
        callid=callid,
    )
