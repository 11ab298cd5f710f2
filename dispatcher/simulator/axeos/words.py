"""The PBX's words for why the caller's own phone was not connected: chapter "Originating calls"."""

from collections.abc import Mapping

from dispatcher.simulator.callees import Failure

NOT_AVAILABLE = "not available"
"""Not a word of the PBX: the answer is then an HTTP 503."""

STATUSES: Mapping[Failure, str] = {
    Failure.NO_ANSWER: "no answer",
    Failure.DECLINED: "no answer",
    Failure.TERMINATED: "no answer",
    Failure.BUSY: "busy",
    Failure.DO_NOT_DISTURB: "busy",
    Failure.UNAVAILABLE: NOT_AVAILABLE,
    Failure.LINE_UNREACHABLE: NOT_AVAILABLE,
    Failure.NOT_FOUND: "failed",
    Failure.ADDRESS_INCOMPLETE: "failed",
    Failure.TRUNK_REFUSES: "failed",
    Failure.CONGESTION: "failed",
    Failure.NOT_PERMITTED: "failed",
    Failure.HUNG_UP: "failed",
}
"""What a phone does that is not answered; DND and a refusal by hand have no words of their own."""

IDLE, IN_USE, RINGING = 0, 1, 8
PHONE_STATUSES: Mapping[int, str] = {IDLE: "Idle", IN_USE: "In Use", RINGING: "Ringing"}
