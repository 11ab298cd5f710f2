"""Why a call failed, in the words that both newer APIs' tables have, misspelt as there."""

from collections.abc import Mapping

from dispatcher.simulator.callees import Failure

REASONS: Mapping[Failure, str] = {
    Failure.NO_ANSWER: "480 Temporatily Unavailable",
    Failure.UNAVAILABLE: "408 Request Time",
    Failure.NOT_FOUND: "404 NOT found",
    Failure.ADDRESS_INCOMPLETE: "484 Address incomplete",
    Failure.BUSY: "486 Busy here",
    Failure.TERMINATED: "480 Temporatily Unavailable",
    Failure.HUNG_UP: "hung up",
    Failure.TRUNK_REFUSES: "Circuit/channel congestion",
    Failure.CONGESTION: "Circuit/channel congestion",
    Failure.DECLINED: "603 Declined",
    Failure.DO_NOT_DISTURB: "DND",
    Failure.LINE_UNREACHABLE: "Line Unreachable",
    Failure.NOT_PERMITTED: "NO Outbound Restriction",
}
"""A call that is hung up before its answer gives no CallFailed: its words are for the judge alone."""

EXTENSION_BUSY = "User Busy"
