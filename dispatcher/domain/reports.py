"""A PBX report in the dispatcher's own words, whatever the family that sent it."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from dispatcher.domain.reasons import Reason


class ReportEvent(StrEnum):
    """What a report says has happened. ``other`` is everything that no call's outcome hangs on."""

    RINGING = "ringing"
    ANSWERED = "answered"
    PROMPT_ENDED = "prompt_ended"
    DTMF = "dtmf"
    RELEASED = "released"
    OVER = "over"
    """The call as a whole has ended, whoever hung up; ``released`` is about one leg."""
    FAILED = "failed"
    CDR = "cdr"
    TRANSFERRED = "transferred"
    """The call was put through to somebody else, whom the report names where it can."""
    BOOT = "boot"
    OTHER = "other"


class CdrStatus(StrEnum):
    """The status of a call detail record, best first: the order decides between several rows."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


class PartyKind(StrEnum):
    """Which side of the PBX a party of a report is on."""

    EXTENSION = "extension"
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Party(NamedTuple):
    """One party of a call as a report names it; what the report leaves out is empty.

    ``number`` is the far end's number (the extension's own for an extension), ``leg`` the PBX's id
    of this leg alone, which is what a hang-up needs.
    """

    kind: PartyKind
    number: str = ""
    trunk: str = ""
    leg: str = ""


class Cdr(NamedTuple):
    """A call detail record: ``started`` is the PBX's own local time, without a zone.

    ``call_seconds`` is the whole call, ringing included, None where the record does not say. ``began``
    is ``started`` as an instant, where whoever read the record knows the PBX's time zone.
    """

    status: CdrStatus | None
    called: str = ""
    caller: str = ""
    talk_seconds: int = 0
    trunk: str = ""
    recording: str = ""
    started: str = ""
    direction: PartyKind | None = None
    call_seconds: int | None = None
    began: datetime | None = None


class Report(NamedTuple):
    """One report, parsed.

    ``word`` is the vendor's name of the event from a closed set of the family's, for the metrics'
    label. ``keys`` are the DTMF digits: one digit with its ``position``, or the whole string with
    ``position`` None.
    """

    event: ReportEvent
    word: str
    callid: str = ""
    serial: str = ""
    parties: tuple[Party, ...] = ()
    keys: str = ""
    position: int | None = None
    reason: Reason | None = None
    reason_text: str = ""
    cdr: Cdr | None = None

    @property
    def number(self) -> str:
        """The outside number that the report names, or an empty string."""
        for party in self.parties:
            if party.kind is not PartyKind.EXTENSION and party.number:
                return party.number
        return self.cdr.called if self.cdr else ""

    @property
    def trunk(self) -> str:
        """The trunk that the report names, or an empty string."""
        for party in self.parties:
            if party.trunk:
                return party.trunk
        return self.cdr.trunk if self.cdr else ""
