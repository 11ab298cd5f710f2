"""Reports of API v1.1.0 (S-Series API v1.1.0 manual, 'API reports'), parsed.

Parties stand in ``call``, a list whose order has a meaning (the first one of BYE hung up first), or,
for CallFailed and for PlayPromptEnd of ``playprompt``, at the top level. Numbers come as strings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dispatcher.domain.reports import Cdr, Party, PartyKind, Report, ReportEvent
from dispatcher.pbx.yeastar.client import text
from dispatcher.pbx.yeastar.lenient import pairs_of, read_object
from dispatcher.pbx.yeastar.words import cdr_status, failure_reason, letters

UNKNOWN = "unknown"

_EVENTS: dict[str, ReportEvent] = {
    "BootUp": ReportEvent.BOOT,
    "ConfigChange": ReportEvent.OTHER,
    "ExtensionStatus": ReportEvent.OTHER,
    "ALERT": ReportEvent.RINGING,
    "RING": ReportEvent.RINGING,
    "ANSWER": ReportEvent.ANSWERED,
    "ANSWERED": ReportEvent.ANSWERED,
    "BYE": ReportEvent.RELEASED,
    "Tranfer": ReportEvent.OTHER,
    "CallFailed": ReportEvent.FAILED,
    "DTMF": ReportEvent.DTMF,
    "NewCdr": ReportEvent.CDR,
    "Invite": ReportEvent.OTHER,
    "Incoming": ReportEvent.OTHER,
    "PlayPromptEnd": ReportEvent.PROMPT_ENDED,
    "satisfaction": ReportEvent.OTHER,
}
REPORT_WORDS: tuple[str, ...] = (*_EVENTS, UNKNOWN)

# Other spellings: the manual has "Tranfer", a receiver in the field saw "DTMF event".
_WORDS: dict[str, str] = {letters(word): word for word in _EVENTS} | {
    "transfer": "Tranfer",
    "dtmfevent": "DTMF",
}

_PARTIES: dict[str, tuple[PartyKind, str, str]] = {
    "ext": (PartyKind.EXTENSION, "extid", ""),
    "inbound": (PartyKind.INBOUND, "from", "inboundid"),
    "outbound": (PartyKind.OUTBOUND, "to", "outboundid"),
}
_DIRECTIONS: dict[str, PartyKind] = {
    "internal": PartyKind.EXTENSION,
    "inbound": PartyKind.INBOUND,
    "outbound": PartyKind.OUTBOUND,
}
_MOST_PARTIES = 16


def parse(body: bytes) -> Sequence[Report]:
    """The reports in one pushed body: one, or two when one body holds a key and a whole string of keys.

    An unknown ``action`` gives a report with ``ReportEvent.OTHER``. Raises ``ValueError`` when the
    body is no object, or has no action.
    """
    data = read_object(body)
    action = text(data.get("action"))
    if not action:
        raise ValueError("a report without an action")
    word = action if action in _EVENTS else _WORDS.get(letters(action), UNKNOWN)
    event = _EVENTS.get(word, ReportEvent.OTHER)
    callid, serial = text(data.get("callid")), text(data.get("sn"))
    parties = _parties(data)
    if event is ReportEvent.CDR:
        return (Report(event, word, callid, serial, parties, cdr=_cdr(data)),)
    if event is ReportEvent.DTMF:
        return _keys(Report(event, word, callid, serial, parties), data)
    if event is ReportEvent.FAILED:
        words = text(data.get("reason"))
        reason = failure_reason(words)
        return (Report(event, word, callid, serial, parties, reason=reason, reason_text=words),)
    if event is ReportEvent.PROMPT_ENDED:
        parties = _played_to(text(data.get("playtonum")), parties)
    return (Report(event, word, callid, serial, parties),)


def _parties(data: dict[str, Any]) -> tuple[Party, ...]:
    found: list[Party] = []
    call = data.get("call")
    if call.__class__ is list:
        for entry in call[:_MOST_PARTIES]:
            if isinstance(entry, dict):
                found.extend(_in(entry))
    elif isinstance(call, dict):
        found.extend(_in(call))
    if not _PARTIES.keys().isdisjoint(data):
        found.extend(_in(data))
    return tuple(found[:_MOST_PARTIES])


def _in(item: dict[str, Any]) -> Iterator[Party]:
    """The parties of one object, in order; old reports have two of the same name in one object."""
    for key, value in pairs_of(item):
        shape = _PARTIES.get(key)
        if shape is None:
            continue
        kind, number, leg = shape
        for party in value if isinstance(value, list) else (value,):
            if not isinstance(party, dict):
                continue
            if kind is PartyKind.EXTENSION:
                yield Party(kind, text(party.get(number)))
                continue
            trunk = text(party.get("trunk")) or text(party.get("trunkname"))
            yield Party(kind, text(party.get(number)), trunk, text(party.get(leg)))


def _played_to(number: str, parties: tuple[Party, ...]) -> tuple[Party, ...]:
    """The parties of a PlayPromptEnd, which names the number beside the party and not in it."""
    if not number:
        return parties
    return tuple(party if party.number else replace(party, number=number) for party in parties)


def _keys(report: Report, data: dict[str, Any]) -> tuple[Report, ...]:
    """``info`` is one key and ``flag`` its position from 0; ``infos`` is a whole string."""
    key, whole = text(data.get("info")), text(data.get("infos"))
    single = replace(report, keys=key, position=_number(data.get("flag"))) if key else report
    if not whole:
        return (single,)
    string = replace(report, keys=whole)
    return (single, string) if key else (string,)


def _first(data: dict[str, Any], *names: str) -> str:
    for name in names:
        if name in data and (value := text(data[name])):
            return value
    return ""


def _cdr(data: dict[str, Any]) -> Cdr:
    """A NewCdr; its keys are spelt as the manual's table, its samples and firmware spell them."""
    kind = letters(text(data.get("type")))
    to_trunk = _first(data, "desttrunkname", "dsttrunkname", "dstrunkname", "dsttrcunkname")
    from_trunk = _first(data, "srctrunkname", "srctrcunkname")
    return Cdr(
        status=cdr_status(text(data.get("status"))),
        called=text(data.get("callto")),
        caller=text(data.get("callfrom")),
        talk_seconds=_number(_first(data, "talkduraction", "talkduration")) or 0,
        call_seconds=_number(_first(data, "callduraction", "callduration")),
        trunk=(from_trunk or to_trunk) if kind == "inbound" else (to_trunk or from_trunk),
        recording=text(data.get("recording")),
        started=_first(data, "timestart", "startime", "starttime"),
        direction=_DIRECTIONS.get(kind),
    )


def _number(value: Any) -> int | None:
    """A count of seconds or keys, or None. Ten digits and more are no count."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
