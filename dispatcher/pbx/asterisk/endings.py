"""A call's end, as the dialplan's context ``dispatcher-ended`` tells and keeps it.

Asterisk runs it for every call of ours, answered or not, and it says the same twice: in a UserEvent, and in
Asterisk's own database under the call's id, where it can be asked for afterwards. The value is::

    state|cause|heard|keys|seconds|source|tech

``state`` is the channel's (Up when it was answered), ``cause`` Q.850's, ``heard`` is 1 once a message was
played to its end, ``seconds`` the time since the answer, ``source`` the channel that hung up (none where
Asterisk gave up), and ``tech`` the last SIP response.
"""

from dataclasses import dataclass

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, Report, ReportEvent
from dispatcher.pbx.asterisk import causes

_FIELDS = 7
_UP, _RINGING = "Up", "Ringing"


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a call that has ended."""

    state: str
    cause: int
    is_heard: bool
    keys: str
    seconds: int
    source: str
    tech: str

    @classmethod
    def of(cls, value: str) -> "Ending":
        """Read what the dialplan has written. Raises ``ValueError``."""
        parts = value.split("|", _FIELDS - 1)
        if len(parts) != _FIELDS:
            raise ValueError("an end of a call with too few parts")
        state, cause, heard, keys, seconds, source, tech = (part.strip() for part in parts)
        return cls(state, _number(cause), heard == "1", keys, _number(seconds), source, tech)

    @property
    def is_answered(self) -> bool:
        """Whether somebody has picked up."""
        return self.state == _UP

    @property
    def reason(self) -> Reason:
        """Why it was not answered."""
        status = causes.of_sip(self.tech)
        if status is not None and status >= 300:
            return causes.of_status(status)
        if self.cause not in causes.UNTOLD or (self.source and self.cause):
            return causes.of_cause(self.cause)
        # Asterisk gave up by itself: while the phone rang, or without ever having heard of it.
        has_rung = status is not None or self.state == _RINGING
        return Reason.NO_ANSWER if has_rung else Reason.UNREACHABLE

    def reports(self, word: str, callid: str, parties: tuple[Party, ...]) -> list[Report]:
        """Everything that it tells, as reports; the first is the end itself."""
        if not self.is_answered:
            return [
                Report(
                    ReportEvent.FAILED,
                    word,
                    callid,
                    parties=parties,
                    reason=self.reason,
                    reason_text=self.tech or f"cause {self.cause}",
                )
            ]
        told = [
            Report(ReportEvent.OVER, word, callid, parties=parties),
            Report(ReportEvent.ANSWERED, word, callid, parties=parties),
            Report(ReportEvent.CDR, word, callid, cdr=Cdr(CdrStatus.ANSWERED, talk_seconds=self.seconds)),
        ]
        if self.is_heard:
            told.append(Report(ReportEvent.PROMPT_ENDED, word, callid, parties=parties))
        # Their times are not kept: the keys come as one string, and each for itself.
        for keys in dict.fromkeys((self.keys, *self.keys)) if self.keys else ():
            told.append(Report(ReportEvent.DTMF, word, callid, parties=parties, keys=keys))
        return told


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
