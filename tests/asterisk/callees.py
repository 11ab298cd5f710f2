"""What the called phones do, and the SIPp scenario in which the last four digits of a number choose it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Step = tuple[str | int, ...]
"""What a phone does: a word, and what it takes; times are milliseconds."""


@dataclass(frozen=True, slots=True)
class Callee:
    """One way to take a call, or not to."""

    code: str
    """The last four digits of its numbers."""
    steps: tuple[Step, ...]


def _answers(*steps: Step) -> tuple[Step, ...]:
    return (("ring", 300), ("answer",), *steps)


PRESSES_1: tuple[Step, ...] = (("wait", 1500), ("rfc2833", "1"), ("wait", 3000), ("bye",))

CALLEES: Mapping[str, Callee] = {
    "presses 1": Callee("0001", _answers(*PRESSES_1)),
    "presses 1 by INFO": Callee("0002", _answers(("wait", 1500), ("info", "1"), ("wait", 3000), ("bye",))),
    "hangs up early": Callee("0003", _answers(("wait", 400), ("bye",))),
    "rings for ever": Callee("0004", (("ring", 60000), ("refuse", 480, "Temporarily Unavailable"))),
    "answers late": Callee("0005", (("ring", 5000), ("answer",), *PRESSES_1)),
    "is silent": Callee("0006", _answers(("wait", 20000), ("bye",))),
    "presses 9": Callee("0007", _answers(("wait", 1500), ("rfc2833", "9"), ("wait", 3000), ("bye",))),
    "presses 1 during the prompt": Callee(
        "0008", _answers(("wait", 300), ("rfc2833", "1"), ("wait", 3000), ("bye",))
    ),
    "presses 1 and hangs up": Callee(
        "0009", _answers(("wait", 1500), ("rfc2833", "1"), ("wait", 250), ("bye",))
    ),
    "under load, presses 1 by INFO": Callee(
        "0010", (("ring", 100), ("answer",), ("pause", 1500, 4500), ("info", "1"), ("wait", 1000), ("bye",))
    ),
    "under load, presses 1": Callee(
        "0011",
        (("ring", 100), ("answer",), ("pause", 1500, 4500), ("rfc2833", "1"), ("wait", 1000), ("bye",)),
    ),
    "hangs up with cause 16": Callee("0012", _answers(("wait", 1500), ("bye", "Q.850;cause=16"))),
    "measured, presses 1": Callee("0013", (("ring", 100), ("answer",), ("wait", 1000), *PRESSES_1[1:])),
    "rings for two minutes": Callee("0014", (("ring", 120000), ("refuse", 480, "Temporarily Unavailable"))),
    "keeps talking": Callee("0015", _answers(("wait", 60000), ("bye",))),
    "is busy after a while": Callee("0016", (("ring", 3000), ("refuse", 486, "Busy Here"))),
    "declines after a while": Callee("0017", (("ring", 3000), ("refuse", 603, "Decline"))),
    "is an agent": Callee("0020", _answers(("wait", 1500), ("bye",))),
    "has early media": Callee("0183", (("progress", 1500), ("answer",), *PRESSES_1)),
    "is not found": Callee("0404", (("refuse", 404, "Not Found"),)),
    "is away": Callee("0480", (("refuse", 480, "Temporarily Unavailable"),)),
    "is busy": Callee("0486", (("ring", 500), ("refuse", 486, "Busy Here"))),
    "has a full trunk": Callee("0503", (("refuse", 503, "Service Unavailable"),)),
    "declines": Callee("0603", (("ring", 500), ("refuse", 603, "Decline"))),
    "does not answer anything": Callee("0000", (("mute", 60000),)),
}

# What a phone writes into its log of a call.
INVITED, RINGING, PROGRESS, ANSWERED, KEY = "invited", "ringing", "progress", "answered", "key"
HUNG_UP, WAS_HUNG_UP, CANCELLED, REFUSED = "hung_up", "was_hung_up", "cancelled", "refused"

SDP = """
v=0
o=callee 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
"""
RESPONSE = """
SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
{cseq}
Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>
"""
REQUEST = """
{method} [$them_at] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$us]
To:[$them]
[last_Call-ID:]
CSeq: {cseq} {method}
Max-Forwards: 70
Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>
"""
TAG = ";tag=b[pid]x[call_number]"


def _send(message: str, body: str = "", content: str = "", *, again: bool = False) -> str:
    kind = f"Content-Type: {content}\n" if content else ""
    retrans = ' retrans="500"' if again else ""
    text = f"{message.strip()}\n{kind}Content-Length: [len]\n\n{body.lstrip()}"
    return f"<send{retrans}><![CDATA[\n{text}]]></send>"


def _respond(status: str, *, sdp: bool = False, again: bool = False, tag: str = TAG, cseq: str = "") -> str:
    message = RESPONSE.format(status=status, tag=tag, cseq=cseq or "[last_CSeq:]")
    return _send(message, SDP if sdp else "", "application/sdp" if sdp else "", again=again)


def _note(what: str) -> str:
    """A line in the phones' log: when, which call, what number, what happened."""
    message = f"[timestamp]|[call_number]|[$dialled]|{what}"
    return f'<nop><action><log message="{message}"/></action></nop>'


class Scenario:
    """Writes SIPp's XML; every jump has a label of its own."""

    def __init__(self) -> None:
        self._labels = 0
        self._lines: list[str] = []

    def label(self) -> str:
        """A label that nothing else has."""
        self._labels += 1
        return str(self._labels)

    def add(self, *lines: str) -> None:
        """Append lines."""
        self._lines += lines

    def text(self, variables: Iterator[str]) -> str:
        """The whole document. Variables that are set and never read must be named, or SIPp refuses it."""
        body = "\n".join(self._lines)
        head = '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="callee by number">'
        return f'{head}\n{body}\n<Reference variables="{",".join(variables)}"/>\n</scenario>\n'


class _Behaviour:
    """One callee's steps, from the INVITE to the jump to ``end``."""

    def __init__(self, scenario: Scenario, end: str) -> None:
        self._to = scenario
        self._end = end
        self._was_hung_up, self._cancelled = scenario.label(), scenario.label()
        self._cseq = 1
        self._can_be_cancelled = self._has_answered = False

    def write(self, callee: Callee) -> None:
        for word, *rest in callee.steps:
            getattr(self, f"_{word}")(*rest)
        self._endings()

    def _wait_for(self, request: str, milliseconds: int, then: str) -> None:
        go_on = self._to.label()
        self._to.add(
            f'<recv request="{request}" timeout="{milliseconds}" ontimeout="{go_on}" next="{then}"/>',
            f'<label id="{go_on}"/>',
        )

    def _ring(self, milliseconds: int) -> None:
        self._to.add(_respond("180 Ringing"), _note(RINGING))
        self._mute(milliseconds)

    def _progress(self, milliseconds: int) -> None:
        self._to.add(_respond("183 Session Progress", sdp=True), _note(PROGRESS))
        self._mute(milliseconds)

    def _mute(self, milliseconds: int) -> None:
        self._can_be_cancelled = True
        self._wait_for("CANCEL", milliseconds, self._cancelled)

    def _answer(self) -> None:
        self._has_answered = True
        self._to.add(
            _respond("200 OK", sdp=True, again=True),
            '<recv request="ACK"><action>',
            '<ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="us"/>',
            '<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="them"/>',
            "</action></recv>",
            _note(ANSWERED),
        )

    def _wait(self, milliseconds: int) -> None:
        self._wait_for("BYE", milliseconds, self._was_hung_up)

    def _pause(self, least: int, most: int) -> None:
        self._to.add(f'<pause distribution="uniform" min="{least}" max="{most}"/>')

    def _rfc2833(self, key: str) -> None:
        play = f'<exec play_pcap_audio="pcap/dtmf_2833_{key}.pcap"/>'
        self._to.add(f"<nop><action>{play}</action></nop>", _note(f"{KEY} {key}"))

    def _info(self, key: str) -> None:
        body = f"Signal={key}\nDuration=160\n"
        request = REQUEST.format(method="INFO", cseq=self._cseq)
        self._to.add(_send(request, body, "application/dtmf-relay", again=True))
        self._to.add('<recv response="200"/>', _note(f"{KEY} {key}"))
        self._cseq += 1

    def _bye(self, reason: str = "") -> None:
        request = REQUEST.format(method="BYE", cseq=self._cseq)
        self._to.add(_send(request + (f"Reason: {reason}\n" if reason else ""), again=True))
        self._to.add('<recv response="200"/>', _note(HUNG_UP), f'<nop next="{self._end}"/>')

    def _refuse(self, status: int, text: str) -> None:
        self._to.add(_respond(f"{status} {text}", again=True), '<recv request="ACK"/>')
        self._to.add(_note(f"{REFUSED} {status}"), f'<nop next="{self._end}"/>')

    def _endings(self) -> None:
        if self._has_answered:
            self._to.add(f'<label id="{self._was_hung_up}"/>', _respond("200 OK", tag=""))
            self._to.add(_note(WAS_HUNG_UP), f'<nop next="{self._end}"/>')
        if self._can_be_cancelled:
            terminated = _respond("487 Request Terminated", again=True, cseq="CSeq: [$invite_cseq] INVITE")
            self._to.add(f'<label id="{self._cancelled}"/>', _respond("200 OK"), terminated)
            self._to.add('<recv request="ACK"/>', _note(CANCELLED), f'<nop next="{self._end}"/>')


def scenario() -> str:
    """The SIPp scenario of all callees; a number of no known code is not found."""
    made = Scenario()
    codes = [callee.code for callee in CALLEES.values()]
    made.add(
        '<recv request="INVITE"><action>',
        '<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" check_it="true" assign_to="them_at"/>',
        '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" check_it="true" assign_to="invite_cseq"/>',
        '<ereg regexp="[0-9]+@" search_in="hdr" header="To:" check_it="true" assign_to="dialled"/>',
        *(
            f'<ereg regexp="{code}@" search_in="hdr" header="To:" check_it="false" assign_to="is{code}"/>'
            for code in codes
        ),
        "</action></recv>",
        _note(INVITED),
    )
    end = made.label()
    begin = {code: made.label() for code in codes}
    made.add(*(f'<nop test="is{code}" next="{label}"/>' for code, label in begin.items()))
    _Behaviour(made, end).write(CALLEES["is not found"])
    for callee in CALLEES.values():
        made.add(f'<label id="{begin[callee.code]}"/>')
        _Behaviour(made, end).write(callee)
    made.add(f'<label id="{end}"/>', "<nop/>")
    variables = ("us", "them", "them_at", "invite_cseq", "dialled", *(f"is{code}" for code in codes))
    return made.text(iter(variables))
