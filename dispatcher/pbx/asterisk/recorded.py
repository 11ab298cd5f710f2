"""What Asterisk's records say of calls of ours that have ended (Asterisk documentation, 'CDR', 'CEL').

A record's disposition tells who answered, who was busy and what was congested. What it calls FAILED or NO
ANSWER may be anything: on Asterisk 16 and 22 a phone that rang to the end is FAILED, and a wrong number NO
ANSWER. There the cause decides that CEL has with HANGUP. Whether the message was heard, and which keys were
pressed, our dialplan writes into ``userfield``; CEL may have the keys as well.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Report, ReportEvent
from dispatcher.pbx.asterisk import causes
from dispatcher.pbx.asterisk.events import CDR as WORD
from dispatcher.pbx.asterisk.events import DISPOSITIONS
from dispatcher.pbx.asterisk.tables import ID, Row

_HANGUP, _ANSWER = ("HANGUP", "3"), ("ANSWER", "4")
"""The types of CEL's events, which a column of numbers has as such."""

_CERTAIN = {"BUSY": Reason.BUSY, "CONGESTION": Reason.CONGESTION}


@dataclass(slots=True)
class Recorded:
    """Everything that is recorded of one call."""

    records: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    def reports(self, callid: str) -> list[Report]:
        """What it tells, as reports, the first of them that the call is over; none while it may be up."""
        hangup = self._hangup()
        if not self.records and hangup is None:
            return []
        dispositions = {text(row, "disposition").upper() for row in self.records}
        if "ANSWERED" in dispositions or self._has(_ANSWER):
            return self._answered(callid)
        status = min((DISPOSITIONS[one] for one in dispositions if one in DISPOSITIONS), default=None)
        reason = _reason(hangup) if hangup is not None else None
        reason = reason or next((_CERTAIN[one] for one in sorted(dispositions) if one in _CERTAIN), None)
        if reason is None:
            return [Report(ReportEvent.CDR, WORD, callid, cdr=Cdr(status))]
        cause = hangup.get("hangupcause", "") if hangup is not None else status
        told = f"by Asterisk's records: {cause}"
        return [Report(ReportEvent.FAILED, WORD, callid, reason=reason, reason_text=told)]

    def _answered(self, callid: str) -> list[Report]:
        """Of a call that was taken. Only where all of it was written down it is said to be over for good."""
        seconds = max((_number(row.get("billsec")) for row in self.records), default=0)
        told = [
            Report(ReportEvent.CDR, WORD, callid, cdr=Cdr(CdrStatus.ANSWERED, talk_seconds=seconds)),
            Report(ReportEvent.ANSWERED, WORD, callid),
        ]
        noted = self._noted()
        if noted is not None:
            told.append(Report(ReportEvent.OVER, WORD, callid))
            if noted.get("heard") == "1":
                told.append(Report(ReportEvent.PROMPT_ENDED, WORD, callid))
        keys = (noted or {}).get("keys") or "".join(self._keys())
        for each in dict.fromkeys((keys, *keys)) if keys else ():
            told.append(Report(ReportEvent.DTMF, WORD, callid, keys=each))
        return told

    def _noted(self) -> Mapping[str, str] | None:
        """What our dialplan has noted: ``heard=1 keys=12``."""
        for row in reversed(self.records):
            words = dict(word.partition("=")[::2] for word in text(row, "userfield").split())
            if "heard" in words:
                return words
        return None

    def _keys(self) -> Iterator[str]:
        """The keys in CEL, of Asterisk 22 and later."""
        for row in self.events:
            digit = _extra(row).get("digit", "")
            if text(row, "eventtype") == "DTMF" and text(row, "userdeftype") in ("", "Received"):
                yield digit

    def _hangup(self) -> Mapping[str, str] | None:
        """What CEL has of the call's end."""
        ends = [row for row in self.events if text(row, "eventtype") in _HANGUP]
        return _extra(ends[-1]) if ends else None

    def _has(self, kind: tuple[str, ...]) -> bool:
        return any(text(row, "eventtype") in kind for row in self.events)


def reports_of(callids: Sequence[str], records: Sequence[Row], events: Sequence[Row]) -> list[Report]:
    """What rows of ``cdr`` and ``cel`` say of some calls."""
    found: dict[str, Recorded] = defaultdict(Recorded)
    for row in records:
        found[text(row, ID)].records.append(row)
    for row in events:
        found[text(row, ID)].events.append(row)
    return [report for callid in callids if callid in found for report in found[callid].reports(callid)]


def _reason(hangup: Mapping[str, str]) -> Reason | None:
    """Why a call was not answered, by its cause; None where that says nothing.

    Of a call that Asterisk gave up by itself the records don't show whether the phone has rung.
    """
    cause = _number(hangup.get("hangupcause"))
    if cause in causes.UNTOLD and not (hangup.get("hangupsource") and cause):
        return Reason.NO_ANSWER
    reason = causes.of_cause(cause)
    return reason if reason is not Reason.FAILED else None


def _extra(row: Row) -> Mapping[str, str]:
    """The JSON that CEL adds to some events, under either name of its column."""
    try:
        found = json.loads(text(row, "extra") or text(row, "eventextra") or "{}")
    except ValueError:
        return {}
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def text(row: Row, name: str) -> str:
    """A column as text; empty where it is null or not there."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _number(value: Any) -> int:
    """A count of a column of numbers or of text, fractions left out."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0
