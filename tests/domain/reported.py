"""The reports that a PBX sends of a call, and about whom: what scenarios and tests are made of."""

from datetime import UTC, datetime

from dispatcher.domain.facts import Target
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import MessageKind, TargetKind

START = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
NUMBER = "31612345678"
CALLID, LEG, TRUNK = "1547396927.428", "1547396927.429", "SPS-6-36"

BY_IVR = Target(TargetKind.NUMBER, NUMBER, MessageKind.IVR)
BY_PROMPT = Target(TargetKind.NUMBER, NUMBER, MessageKind.PROMPT)
BY_QUEUE = Target(TargetKind.NUMBER, NUMBER, MessageKind.QUEUE)
TO_EXTENSION = Target(TargetKind.EXTENSION, "1002", MessageKind.IVR)
TO_USER = Target(TargetKind.USER, "anna", MessageKind.IVR)

CALLEE = Party(PartyKind.OUTBOUND, NUMBER, TRUNK, LEG)
NUMBERLESS = Party(PartyKind.OUTBOUND, trunk=TRUNK)
CALLER = Party(PartyKind.EXTENSION, "1000")
USER = Party(PartyKind.EXTENSION, "anna")
COLLEAGUE = Party(PartyKind.EXTENSION, "1002")
AGENT_1, AGENT_2 = Party(PartyKind.EXTENSION, "2001"), Party(PartyKind.EXTENSION, "2002")


def report(event: ReportEvent, *parties: Party, word: str = "") -> Report:
    """A report that needs nothing but its parties."""
    return Report(event, word or event.value, CALLID, parties=parties)


def key(digit: str, position: int | None, party: Party = CALLEE) -> Report:
    """One key with its position, or without one a whole string."""
    return Report(ReportEvent.DTMF, "DTMF", CALLID, parties=(party,), keys=digit, position=position)


def failed(reason: Reason, text: str, *parties: Party) -> Report:
    """A CallFailed; without parties, as a trunk that is away sends it."""
    return Report(ReportEvent.FAILED, "CallFailed", CALLID, parties=parties, reason=reason, reason_text=text)


def row(
    status: CdrStatus | None,
    talk: int = 0,
    *,
    called: str = NUMBER,
    seconds: int = 20,
    direction: PartyKind = PartyKind.OUTBOUND,
) -> Report:
    """A NewCdr. ``seconds`` is the whole call, ringing included."""
    cdr = Cdr(
        status, called, "6500", talk, TRUNK if direction is PartyKind.OUTBOUND else "",
        direction=direction, call_seconds=seconds,
    )  # fmt: skip
    return Report(ReportEvent.CDR, "NewCdr", CALLID, cdr=cdr)


RING = report(ReportEvent.RINGING, CALLEE, CALLER, word="RING")
ALERT = report(ReportEvent.RINGING, CALLER, word="ALERT")
ANSWERED = report(ReportEvent.ANSWERED, CALLER, CALLEE, word="ANSWERED")
ANSWER_TOO = report(ReportEvent.ANSWERED, CALLEE, CALLER, word="ANSWER")
PROMPT_END = report(ReportEvent.PROMPT_ENDED, Party(PartyKind.OUTBOUND, NUMBER, TRUNK))
PROMPT_END_AGAIN = report(ReportEvent.PROMPT_ENDED, Party(PartyKind.OUTBOUND, NUMBER, TRUNK), word="again")
PROMPT_END_NUMBERLESS = report(ReportEvent.PROMPT_ENDED, NUMBERLESS)
BYE = report(ReportEvent.RELEASED, CALLEE, CALLER)
BYE_OTHER_LEG = report(ReportEvent.RELEASED, CALLER, CALLEE)
BYES = (BYE, BYE_OTHER_LEG)
TALKED = row(CdrStatus.ANSWERED, 12)
PHANTOM = row(CdrStatus.NO_ANSWER, seconds=1)


IVR_ROW = Report(
    ReportEvent.CDR,
    "NewCdr",
    CALLID,
    cdr=Cdr(CdrStatus.ANSWERED, "6500", "1002", 9, direction=PartyKind.EXTENSION, call_seconds=20),
)
"""The record of an extension that was made to call the IVR: it is the caller."""
