"""The S-Series' words for why a call failed: those of CallFailed reports in the manual, numbers included."""

from collections.abc import Mapping

from dispatcher.simulator.callees import Failure

REASONS: Mapping[Failure, str] = {
    Failure.NO_ANSWER: "480",
    Failure.UNAVAILABLE: "480 Temporarily unavailable",
    Failure.NOT_FOUND: "404 NOT found",
    Failure.ADDRESS_INCOMPLETE: "484 Address Incomplete",
    Failure.BUSY: "486 Busy Here",
    Failure.TERMINATED: "487 Request Terminated",
    Failure.HUNG_UP: "487 Request Terminated",
    Failure.TRUNK_REFUSES: "503 Service Unavailable",
    Failure.CONGESTION: "503 Service Unavailable",
    Failure.DECLINED: "603 Declined",
    Failure.DO_NOT_DISTURB: "DND",
    Failure.LINE_UNREACHABLE: "Line unreachable",
    Failure.NOT_PERMITTED: "NO Outbound Restriction",
}
