"""What a report says beside its parties: keys, a reason, a call record. The same in both API versions.

Numbers come as strings, and the keys of a NewCdr are spelt as the manuals' tables, their samples and the
firmware spell them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dispatcher.domain.reports import Cdr, Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.words import cdr_status, failure_reason, letters

UNKNOWN = "unknown"
"""The word of a report whose event is in no manual."""

_NAMED = re.compile(r".*<([^<>]+)>")

_DIRECTIONS: dict[str, PartyKind] = {
    "internal": PartyKind.EXTENSION,
    "inbound": PartyKind.INBOUND,
    "outbound": PartyKind.OUTBOUND,
}


def reports_of(
    event: ReportEvent, word: str, parties: tuple[Party, ...], data: dict[str, Any]
) -> Sequence[Report]:
    """The reports in one body: one, or two when it holds a key and a whole string of keys."""
    callid, serial = text(data.get("callid")), text(data.get("sn"))
    if event is ReportEvent.CDR:
        return (Report(event, word, callid, serial, parties, cdr=cdr_of(data)),)
    if event is ReportEvent.DTMF:
        return _keys(Report(event, word, callid, serial, parties), data)
    if event is ReportEvent.FAILED:
        words = text(data.get("reason"))
        reason = failure_reason(words)
        return (Report(event, word, callid, serial, parties, reason=reason, reason_text=words),)
    if event is ReportEvent.PROMPT_ENDED:
        parties = _played_to(text(data.get("playtonum")), parties)
    return (Report(event, word, callid, serial, parties),)


def cdr_of(data: Mapping[str, Any]) -> Cdr:
    """The call record of a NewCdr, or of a row of the CDR download with its columns' names in lower case."""
    kind = letters(text(data.get("type")))
    to_trunk = _first(data, "desttrunkname", "dsttrunkname", "dstrunkname", "dsttrcunkname")
    from_trunk = _first(data, "srctrunkname", "srctrcunkname")
    return Cdr(
        status=cdr_status(text(data.get("status"))),
        called=_party(data.get("callto")),
        caller=_party(data.get("callfrom")),
        talk_seconds=_number(_first(data, "talkduraction", "talkduration")) or 0,
        call_seconds=_number(_first(data, "callduraction", "callduration")),
        trunk=(from_trunk or to_trunk) if kind == "inbound" else (to_trunk or from_trunk),
        recording=text(data.get("recording")),
        started=_first(data, "timestart", "startime", "starttime"),
        direction=_DIRECTIONS.get(kind),
    )


def _party(value: Any) -> str:
    """A number; newer firmware writes ``Name<2005>``."""
    named = _NAMED.match(text(value))
    return named[1] if named else text(value)


def _played_to(number: str, parties: tuple[Party, ...]) -> tuple[Party, ...]:
    """The parties of a v1.1.0 PlayPromptEnd, which names the number beside the party and not in it."""
    if not number:
        return parties
    return tuple(party if party.number else party._replace(number=number) for party in parties)


def _keys(report: Report, data: dict[str, Any]) -> tuple[Report, ...]:
    """``info`` is one key and ``flag`` its position from 0; ``infos`` is a whole string."""
    key, whole = text(data.get("info")), text(data.get("infos"))
    single = report._replace(keys=key, position=_number(data.get("flag"))) if key else report
    if not whole:
        return (single,)
    string = report._replace(keys=whole)
    return (single, string) if key else (string,)


def _first(data: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if name in data and (value := text(data[name])):
            return value
    return ""


def _number(value: Any) -> int | None:
    """A count of seconds or keys, or None. Ten digits and more are no count."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
