"""The words that all Yeastar families use, turned into the dispatcher's."""

import re

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus

_SIP_CODE = re.compile(r"\s*([1-6]\d\d)(?!\d)")
_NOT_LETTER = re.compile(r"[^a-z]+")

SIP_CODES: dict[int, Reason] = {
    404: Reason.INVALID_NUMBER,
    408: Reason.NO_ANSWER,
    410: Reason.INVALID_NUMBER,
    480: Reason.NO_ANSWER,
    484: Reason.INVALID_NUMBER,
    486: Reason.BUSY,
    487: Reason.NO_ANSWER,
    503: Reason.CONGESTION,
    603: Reason.NO_ANSWER,
}
"""S-Series API v1.1.0 manual, 'Call failed report'; 408 and 410 from the v2.0.0 manual.

486 stands for busy and for rejected, which the PBX does not tell apart. 487 is the caller's side ending
the ringing. 603 is "ring timeout" in the manual's words, whatever SIP says.
"""

_WORDS: tuple[tuple[str, Reason], ...] = (
    ("busy", Reason.BUSY),
    ("dnd", Reason.REJECTED),
    ("donotdisturb", Reason.REJECTED),
    ("congestion", Reason.CONGESTION),
    ("unreachable", Reason.UNREACHABLE),
    ("outboundrestrict", Reason.NOT_PERMITTED),
    ("dialpermission", Reason.NOT_PERMITTED),
)
"""Reasons without a SIP code: manuals v1.0.1 and v2.0.0, found by a part that no spelling of them changes."""

_CDR: dict[str, CdrStatus] = {
    "answered": CdrStatus.ANSWERED,
    "answerd": CdrStatus.ANSWERED,
    "noanswer": CdrStatus.NO_ANSWER,
    "noanswered": CdrStatus.NO_ANSWER,
    "noanswerd": CdrStatus.NO_ANSWER,
    "busy": CdrStatus.BUSY,
    "failed": CdrStatus.FAILED,
    "voicemail": CdrStatus.VOICEMAIL,
    "abandoned": CdrStatus.NO_ANSWER,
}


def letters(text: str) -> str:
    """Only the letters, in lower case: what is left of a word whatever way it is written."""
    return _NOT_LETTER.sub("", text.lower())


def failure_reason(text: str) -> Reason:
    """Why a call failed, by the SIP code that leads ``text`` or else by its words; else ``failed``."""
    code = _SIP_CODE.match(text)
    if code is not None:
        return SIP_CODES.get(int(code[1]), Reason.FAILED)
    word = letters(text)
    for part, reason in _WORDS:
        if part in word:
            return reason
    return Reason.FAILED


def cdr_status(text: str) -> CdrStatus | None:
    """The status of a call record, or None for a word that is not known."""
    return _CDR.get(letters(text))
