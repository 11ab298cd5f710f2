"""Events of the manager interface, parsed (Asterisk documentation, 'AMI Events').

A body holds the events of one call that belong together, a block each: those of its end come as one. What a
call came to is told by the dialplan's own event, DispatcherEnded; a plain Hangup is what is left without.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Report, ReportEvent
from dispatcher.pbx.asterisk import causes
from dispatcher.pbx.asterisk.channels import Channels, channel_of, comes_in, is_ours, leads_on, uniqueid_of
from dispatcher.pbx.asterisk.endings import Ending
from dispatcher.pbx.asterisk.wire import Block, read

DIAL_STATE, NEW_STATE, PROMPT, DTMF, ENDED, HANGUP, CDR, ORIGINATE, TRANSFER, OTHER = REPORT_WORDS = (
    "DialState", "Newstate", "DispatcherPrompt", "DTMFEnd", "DispatcherEnded", "Hangup", "Cdr",
    "OriginateResponse", "Transfer", "other",
)  # fmt: skip

UP, RINGING = "6", "5"
"""Values of ChannelState."""

DISPOSITIONS = {
    "ANSWERED": CdrStatus.ANSWERED,
    "NO ANSWER": CdrStatus.NO_ANSWER,
    "BUSY": CdrStatus.BUSY,
    "FAILED": CdrStatus.FAILED,
    "CONGESTION": CdrStatus.FAILED,
}


def word_of(block: Block) -> str:
    """What an event is called here: the dialplan's events by their own names."""
    name = block.get("Event", "")
    if name == "UserEvent":
        name = block.get("UserEvent", "")
    if leads_on(block):
        return TRANSFER
    return name if name in REPORT_WORDS else OTHER


def parse(body: bytes, channels: Channels) -> Sequence[Report]:
    """The reports in one body; ``ValueError`` when it holds no event."""
    blocks = [block for block in map(read, body.split(b"\r\n\r\n")) if block.get("Event")]
    if not blocks:
        raise ValueError("no event")
    words = {word_of(block) for block in blocks}
    if ENDED in words:
        blocks = [block for block in blocks if word_of(block) != HANGUP]
    return [report for block in blocks for report in _reports(block, channels)]


def _reports(block: Block, channels: Channels) -> Sequence[Report]:
    word = word_of(block)
    if word == CDR:
        return (_record(block, channels),)
    if word == ENDED and is_ours(block):
        callid = uniqueid_of(block)
        return Ending.of(block.get("End", "")).reports(
            word, callid, channels.party(channel_of(block), callid)
        )
    told = _READ.get(word, _other)(block)
    is_inbound = not is_ours(block) and comes_in(block)
    callid = uniqueid_of(block)
    parties = channels.party(channel_of(block), callid, is_inbound=is_inbound) if word != ORIGINATE else ()
    return (
        Report(
            told.event,
            word,
            callid,
            parties=parties,
            keys=told.keys,
            position=told.position,
            reason=told.reason,
            reason_text=told.text,
        ),
    )


class _Told(NamedTuple):
    """What an event says, beside whose it is."""

    event: ReportEvent
    keys: str = ""
    position: int | None = None
    reason: Reason | None = None
    text: str = ""


def _dial_state(block: Block) -> _Told:
    """Early media stands for ringing: where the network plays a tone of its own, no Ringing comes."""
    rings = block.get("DialStatus") in ("RINGING", "PROGRESS", "PROCEEDING")
    return _Told(ReportEvent.RINGING if rings else ReportEvent.OTHER)


def _new_state(block: Block) -> _Told:
    return _Told(ReportEvent.ANSWERED if block.get("ChannelState") == UP else ReportEvent.RINGING)


def _prompt(block: Block) -> _Told:
    is_whole = block.get("Status", "").upper() == "SUCCESS"
    return _Told(ReportEvent.PROMPT_ENDED if is_whole else ReportEvent.OTHER)


def _key(block: Block) -> _Told:
    """A key; its place among the others is its time, in milliseconds."""
    digit = block.get("Digit", "").strip()
    if block.get("Direction") != "Received" or len(digit) != 1:
        return _Told(ReportEvent.OTHER)
    at = block.get("Timestamp", "").replace(".", "")
    position = int(at) // 1000 if at.isascii() and at.isdigit() else None
    return _Told(ReportEvent.DTMF, digit, position)


def _hangup(block: Block) -> _Told:
    """The end of a call of which the dialplan tells no more.

    The causes that Asterisk gives by itself prove an unanswered call only where the phone has rung.
    """
    state, cause = block.get("ChannelState", ""), block.get("Cause", "")
    if state == UP or not is_ours(block):
        return _Told(ReportEvent.OVER)
    number = int(cause) if cause.isascii() and cause.isdigit() else 0
    reason = causes.of_cause(number)
    if number in causes.UNTOLD:
        reason = Reason.NO_ANSWER if state == RINGING else Reason.FAILED
    return _Told(ReportEvent.FAILED, reason=reason, text=block.get("Cause-txt", ""))


def _originated(block: Block) -> _Told:
    """An originate without a channel: its trunk has no such endpoint, or nobody to send the call to."""
    if block.get("Response") != "Failure":
        return _Told(ReportEvent.OTHER)
    return _Told(ReportEvent.FAILED, reason=Reason.UNREACHABLE, text="no channel could be made")


def _led_on(block: Block) -> _Told:
    """A key has led the call on; the dial string says to whom."""
    return _Told(ReportEvent.TRANSFERRED, text=block.get("DialString", ""))


def _other(block: Block) -> _Told:
    return _Told(ReportEvent.OTHER)


_READ: dict[str, Callable[[Block], _Told]] = {
    DIAL_STATE: _dial_state,
    NEW_STATE: _new_state,
    PROMPT: _prompt,
    DTMF: _key,
    HANGUP: _hangup,
    ORIGINATE: _originated,
    TRANSFER: _led_on,
}


def _record(block: Block, channels: Channels) -> Report:
    """A call detail record. Its destination is the dialplan's, and so not the callee."""
    status = DISPOSITIONS.get(block.get("Disposition", "").upper())
    seconds = block.get("BillableSeconds", "")
    cdr = Cdr(
        status,
        talk_seconds=int(seconds) if seconds.isascii() and seconds.isdigit() else 0,
        trunk=channels.trunk_of(block.get("Channel", "")),
        started=block.get("StartTime", ""),
    )
    return Report(ReportEvent.CDR, CDR, block.get("UniqueID", ""), cdr=cdr)
