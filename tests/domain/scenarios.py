"""What happens to a call, as the reports that a PBX sends of it and as the truth behind them.

The sequences are those of the S-Series API v1.1.0 and K2 API v2.0.0 manuals, and of their sample dial
plans. Each scenario knows what really happened, so that a test can hold the outcome against it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

from dispatcher.domain.facts import NOTHING, Facts, Target, join
from dispatcher.domain.facts_of_reports import facts_of
from dispatcher.domain.outcomes import Terms
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus, Party, PartyKind, Report, ReportEvent
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, Outcome
from tests.domain.reported import (
    AGENT_1,
    AGENT_2,
    ALERT,
    ANSWER_TOO,
    ANSWERED,
    BY_IVR,
    BY_PROMPT,
    BY_QUEUE,
    BYE,
    BYES,
    CALLEE,
    CALLER,
    COLLEAGUE,
    IVR_ROW,
    NUMBER,
    PHANTOM,
    PROMPT_END,
    PROMPT_END_AGAIN,
    PROMPT_END_NUMBERLESS,
    RING,
    START,
    TALKED,
    TO_EXTENSION,
    TO_USER,
    USER,
    failed,
    key,
    report,
    row,
)


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened at the other end. A voicemail box that answers and records hears as well."""

    answered: bool = False
    heard_in_full: bool = False
    keys: str = ""

    def fulfils(self, delivered_when: DeliveredWhen) -> bool:
        """Whether the callee did what the request asks for; who presses a key has listened."""
        match delivered_when:
            case DeliveredWhen.ANSWERED:
                return self.answered
            case DeliveredWhen.HEARD:
                return self.heard_in_full or bool(self.keys)
            case DeliveredWhen.ACKNOWLEDGED:
                return "1" in self.keys


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way that a call can go: its reports in the usual order, and the truth.

    ``otherwise`` is the outcome when the call did not do what was asked. ``lines`` are the answers
    to "does the trunk tell a real answer?" under which the sequence can occur.
    """

    name: str
    reports: tuple[Report, ...]
    truth: Truth
    otherwise: Outcome
    target: Target = BY_IVR
    lines: tuple[bool, ...] = (True, False)

    def expected(self, terms: Terms) -> Outcome:
        """The outcome with every report at hand. Without answer supervision an answer alone shows nothing."""
        if not self.truth.fulfils(terms.delivered_when):
            return self.otherwise
        is_proven = terms.answer_supervision or self.truth.fulfils(DeliveredWhen.HEARD)
        return Outcome.DELIVERED if is_proven else self.otherwise

    def facts(self, reports: Iterable[Report], every: timedelta = timedelta(seconds=1)) -> Facts:
        """The facts of ``reports``, which come in this order and at this distance."""
        arrivals = [(START + every * place, item) for place, item in enumerate(reports)]
        return reduce(join, (facts_of(item, self.target, at) for at, item in arrivals), NOTHING)

    def all_terms(self) -> Sequence[Terms]:
        """Every combination of what may be asked and how far the line can be believed."""
        return [Terms(asked, "1", line) for asked in DeliveredWhen for line in self.lines]

    def __repr__(self) -> str:
        return self.name


LISTENED = Truth(answered=True, heard_in_full=True)
PRESSED_1 = Truth(answered=True, heard_in_full=True, keys="1")
HUNG_UP = Truth(answered=True)
NOBODY = Truth()


TO_NUMBERS = (
    Scenario(
        "hears it all",
        (RING, ALERT, ANSWERED, ANSWER_TOO, PROMPT_END, *BYES, TALKED),
        LISTENED,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "hears it three times",
        (ANSWERED, PROMPT_END, PROMPT_END_AGAIN, PROMPT_END, BYE, TALKED),
        LISTENED,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "presses 1 after the prompt",
        (RING, ANSWERED, PROMPT_END, key("1", 0), *BYES, TALKED),
        PRESSED_1,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "presses 1 during the prompt",
        (RING, ANSWERED, key("1", 0), *BYES, TALKED),
        Truth(answered=True, keys="1"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "presses 9",
        (RING, ANSWERED, PROMPT_END, key("9", 0), *BYES, TALKED),
        Truth(answered=True, heard_in_full=True, keys="9"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "dials a code",
        (ANSWERED, PROMPT_END, key("2", 0), key("1", 1), key("4", 2), key("214#", None), *BYES, TALKED),
        Truth(answered=True, heard_in_full=True, keys="214#"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "hangs up early",
        (RING, ALERT, ANSWERED, ANSWER_TOO, *BYES, row(CdrStatus.ANSWERED, 2)),
        HUNG_UP,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "hangs up within the first second",
        (RING, ANSWERED, BYE, row(CdrStatus.ANSWERED, 0)),
        HUNG_UP,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "hears a prompt that was played without an IVR",
        (RING, ANSWERED, PROMPT_END_NUMBERLESS, *BYES, TALKED),
        LISTENED,
        Outcome.NOT_HEARD,
        BY_PROMPT,
    ),
    Scenario(
        "presses 1 and is put through to an extension that does not answer",
        (
            ANSWERED,
            PROMPT_END,
            key("1", 0),
            *BYES,
            row(CdrStatus.NO_ANSWER, called="1005", direction=PartyKind.EXTENSION),
            PHANTOM,
            TALKED,
        ),
        PRESSED_1,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "hears it all, with a phantom record beside the call's own",
        (RING, ANSWERED, PHANTOM, PROMPT_END, *BYES, TALKED),
        LISTENED,
        Outcome.NOT_HEARD,
    ),
)

WHY_NOT = (
    ("is busy", Outcome.BUSY, failed(Reason.BUSY, "486 Busy Here", CALLEE, CALLER)),
    ("does not answer", Outcome.NO_ANSWER, failed(Reason.NO_ANSWER, "480 Temporarily unavailable", CALLEE)),
    ("lets the PBX give up", Outcome.NO_ANSWER, failed(Reason.NO_ANSWER, "603 Declined", CALLEE, CALLER)),
    ("does not want to be disturbed", Outcome.REJECTED, failed(Reason.REJECTED, "DND", CALLEE)),
    ("does not exist", Outcome.INVALID_NUMBER, failed(Reason.INVALID_NUMBER, "404 NOT found", CALLEE)),
    ("has too few digits", Outcome.INVALID_NUMBER, failed(Reason.INVALID_NUMBER, "484", CALLEE)),
    ("meets a full trunk", Outcome.CONGESTION, failed(Reason.CONGESTION, "503 Service Unavailable")),
    ("meets a trunk that is down", Outcome.UNREACHABLE, failed(Reason.UNREACHABLE, "Line unreachable")),
    ("is not permitted", Outcome.NOT_PERMITTED, failed(Reason.NOT_PERMITTED, "NO Outbound Restriction")),
    ("fails for no known reason", Outcome.UNKNOWN, failed(Reason.FAILED, "500 Server Internal Error")),
)
"""Why nobody took a call: in words, the outcome, and the CallFailed that says so."""

UNANSWERED = tuple(
    Scenario(f"{words}, record {status or 'missing'}", reports, NOBODY, outcome)
    for words, outcome, call_failed in WHY_NOT
    for status, reports in (
        (CdrStatus.BUSY, (RING, call_failed, row(CdrStatus.BUSY, seconds=0))),
        (CdrStatus.NO_ANSWER, (RING, ALERT, call_failed, PHANTOM, row(CdrStatus.NO_ANSWER))),
        (CdrStatus.FAILED, (call_failed, row(CdrStatus.FAILED, seconds=0))),
        (None, (call_failed,)),
    )
    # A reason that says nothing leaves the decision to the record.
    if outcome is not Outcome.UNKNOWN or status in (CdrStatus.FAILED, None)
)
"""Every reason beside every status of the call's record, as the manuals do not say which ones go together."""

INSIDE = (
    Scenario(
        "an extension hears it and presses 1",
        (
            report(ReportEvent.RINGING, COLLEAGUE),
            report(ReportEvent.ANSWERED, COLLEAGUE),
            report(ReportEvent.PROMPT_ENDED, COLLEAGUE),
            key("1", 0, COLLEAGUE),
            report(ReportEvent.RELEASED, COLLEAGUE),
            row(CdrStatus.ANSWERED, 9, called="1002", direction=PartyKind.EXTENSION),
        ),
        PRESSED_1,
        Outcome.NOT_HEARD,
        TO_EXTENSION,
    ),
    Scenario(
        "an extension's voicemail box takes the call",
        (
            report(ReportEvent.RINGING, COLLEAGUE),
            report(ReportEvent.ANSWERED, COLLEAGUE),
            report(ReportEvent.PROMPT_ENDED, COLLEAGUE),
            report(ReportEvent.RELEASED, COLLEAGUE),
            row(CdrStatus.VOICEMAIL, 9, called="1002", direction=PartyKind.EXTENSION),
        ),
        LISTENED,
        Outcome.VOICEMAIL,
        TO_EXTENSION,
    ),
)

WITH_AGENTS = (
    Scenario(
        "answers and waits in a queue until the second agent takes the call",
        (
            ANSWERED,
            report(ReportEvent.RINGING, AGENT_1, CALLEE),
            failed(Reason.NO_ANSWER, "480", AGENT_1),
            report(ReportEvent.ANSWERED, AGENT_2, CALLEE),
            BYE,
            report(ReportEvent.RELEASED, AGENT_2, CALLEE),
            row(CdrStatus.NO_ANSWER, called="2001", direction=PartyKind.EXTENSION),
            TALKED,
        ),
        HUNG_UP,
        Outcome.NOT_HEARD,
        BY_QUEUE,
    ),
    Scenario(
        "does not answer a queue's call",
        (
            RING,
            failed(Reason.NO_ANSWER, "480", CALLEE),
            report(ReportEvent.RINGING, AGENT_1),
            row(CdrStatus.NO_ANSWER),
        ),
        NOBODY,
        Outcome.NO_ANSWER,
        BY_QUEUE,
    ),
)

ANALOG = (
    Scenario(
        "presses 1 on an analog line",
        (ANSWERED, PROMPT_END, key("1", 0), *BYES, TALKED),
        PRESSED_1,
        Outcome.NOT_HEARD,
        lines=(False,),
    ),
    Scenario(
        "is never there, on an analog line that counts as answered at once",
        (ANSWERED, ANSWER_TOO, *BYES, row(CdrStatus.ANSWERED, 30)),
        NOBODY,
        Outcome.NOT_HEARD,
        lines=(False,),
    ),
)

K2_CALLEE = Party(PartyKind.OUTBOUND, NUMBER, "siptrunk", "PJSIP/trunk-siptrunk-endpoint-0000001f")
K2_AGENT = Party(PartyKind.EXTENSION, "2001")
K2_RINGS = report(ReportEvent.RINGING, K2_CALLEE, word="CallStatus")
K2_TALKS = report(ReportEvent.ANSWERED, K2_CALLEE, word="CallStatus")
K2_GONE = report(ReportEvent.RELEASED, K2_CALLEE, word="CallStatus")
K2_PROMPT_END = report(ReportEvent.PROMPT_ENDED, K2_CALLEE, word="PlayPromptEnd")
K2_NOBODY_LEFT = report(ReportEvent.OTHER, word="CallStatus")


def with_agent(callee: ReportEvent, agent: ReportEvent) -> tuple[Report, Report]:
    """What one CallStatus says of a call in which an agent is as well: all members first, then each alone."""
    return report(callee, K2_CALLEE, K2_AGENT, word="CallStatus"), report(agent, K2_AGENT, word="CallStatus")


CALL_STATUS = (
    Scenario(
        "K2: presses 1, and the call's last status comes after its record",
        (K2_RINGS, K2_TALKS, K2_PROMPT_END, key("1", 0, K2_CALLEE), TALKED, K2_GONE, K2_NOBODY_LEFT),
        PRESSED_1,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "K2: hears it twice, with a phantom record",
        (K2_RINGS, K2_TALKS, K2_PROMPT_END, K2_PROMPT_END, PHANTOM, K2_GONE, TALKED),
        LISTENED,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "K2: hangs up early",
        (K2_RINGS, K2_TALKS, K2_GONE, row(CdrStatus.ANSWERED, 1)),
        HUNG_UP,
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "K2: rejects the call",
        (K2_RINGS, K2_GONE, failed(Reason.BUSY, "User Busy", CALLER), row(CdrStatus.BUSY, seconds=0)),
        NOBODY,
        Outcome.BUSY,
    ),
    Scenario(
        "K2: does not answer",
        (K2_RINGS, failed(Reason.NO_ANSWER, "408 Request Time"), PHANTOM, row(CdrStatus.NO_ANSWER), K2_GONE),
        NOBODY,
        Outcome.NO_ANSWER,
    ),
    Scenario(
        "K2: presses 1 and is put through to an agent, who hangs up first",
        (
            K2_TALKS,
            key("1", 0, K2_CALLEE),
            *with_agent(ReportEvent.ANSWERED, ReportEvent.RINGING),
            *with_agent(ReportEvent.ANSWERED, ReportEvent.RELEASED),
            K2_GONE,
            row(CdrStatus.ANSWERED, 5, called="2001", direction=PartyKind.EXTENSION),
            TALKED,
        ),
        Truth(answered=True, keys="1"),
        Outcome.NOT_HEARD,
    ),
    Scenario(
        "K2: waits in a queue until an agent takes the call",
        (
            K2_RINGS,
            *with_agent(ReportEvent.ANSWERED, ReportEvent.RINGING),
            *with_agent(ReportEvent.ANSWERED, ReportEvent.ANSWERED),
            *with_agent(ReportEvent.RELEASED, ReportEvent.RELEASED),
            TALKED,
        ),
        HUNG_UP,
        Outcome.NOT_HEARD,
        BY_QUEUE,
    ),
    Scenario(
        "K2: never answers a queue's call, although an agent waits for it",
        (
            *with_agent(ReportEvent.RINGING, ReportEvent.ANSWERED),
            *with_agent(ReportEvent.RELEASED, ReportEvent.ANSWERED),
            failed(Reason.NO_ANSWER, "480 Temporatily Unavailable", K2_CALLEE),
            row(CdrStatus.NO_ANSWER),
        ),
        NOBODY,
        Outcome.NO_ANSWER,
        BY_QUEUE,
    ),
    Scenario(
        "K2: an extension is made to call the IVR, and presses 1",
        (
            report(ReportEvent.RINGING, COLLEAGUE, word="CallStatus"),
            report(ReportEvent.ANSWERED, COLLEAGUE, word="CallStatus"),
            report(ReportEvent.PROMPT_ENDED, COLLEAGUE),
            key("1", 0, COLLEAGUE),
            report(ReportEvent.RELEASED, COLLEAGUE, word="CallStatus"),
            IVR_ROW,
        ),
        PRESSED_1,
        Outcome.NOT_HEARD,
        TO_EXTENSION,
    ),
    Scenario(
        "K2: an extension that is made to call the IVR does not pick up",
        (
            report(ReportEvent.RINGING, COLLEAGUE, word="CallStatus"),
            failed(Reason.NO_ANSWER, "480 Temporatily Unavailable", COLLEAGUE),
            row(CdrStatus.NO_ANSWER, called="1002", direction=PartyKind.EXTENSION),
        ),
        NOBODY,
        Outcome.NO_ANSWER,
        TO_EXTENSION,
    ),
)
"""What the events of API v2.0.0 make of calls; one CallStatus may be several reports."""

TO_USERS = (
    Scenario(
        "Axeos: a user picks up their own phone",
        (
            report(ReportEvent.ANSWERED, USER, word="originate"),
            report(ReportEvent.OTHER, USER, word="incoming call"),
            report(ReportEvent.OVER, USER, word="call finished"),
        ),
        HUNG_UP,
        Outcome.NOT_HEARD,
        TO_USER,
        (True,),
    ),
    Scenario(
        "Axeos: a user picks up their own phone and gets an agent of a queue",
        (
            report(ReportEvent.ANSWERED, USER, word="originate"),
            report(ReportEvent.RINGING, AGENT_1, AGENT_2, word="internal dial"),
            report(ReportEvent.ANSWERED, AGENT_2, word="call answered"),
            report(ReportEvent.OVER, USER, word="call finished"),
        ),
        HUNG_UP,
        Outcome.NOT_HEARD,
        TO_USER._replace(message=MessageKind.QUEUE),
        (True,),
    ),
)
"""What an Axeos PBX tells of a call to a user: that their own phone was answered, and the call's end."""

SCENARIOS = (*TO_NUMBERS, *UNANSWERED, *INSIDE, *WITH_AGENTS, *ANALOG, *CALL_STATUS, *TO_USERS)
