"""Why calls fail, in the words of manuals, firmware and typing errors."""

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.pbx.yeastar.words import failure_reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("404 NOT found", Reason.INVALID_NUMBER),
        ("404", Reason.INVALID_NUMBER),
        ("404: gone missing", Reason.INVALID_NUMBER),
        ("410 Gone", Reason.INVALID_NUMBER),
        ("484", Reason.INVALID_NUMBER),
        ("484 Address Incomplete", Reason.INVALID_NUMBER),
        ("408 Request Time", Reason.NO_ANSWER),
        ("480", Reason.NO_ANSWER),
        ("480 Temporatily unavailable", Reason.NO_ANSWER),
        (" 486 Busy Here ", Reason.BUSY),
        ("486", Reason.BUSY),
        ("487 Request Terminated", Reason.NO_ANSWER),
        ("503 Service Unavailable", Reason.CONGESTION),
        ("603 Declined", Reason.NO_ANSWER),
        ("603 Busy everywhere", Reason.NO_ANSWER),
        ("User busy", Reason.BUSY),
        ("User Busy", Reason.BUSY),
        ("DND", Reason.REJECTED),
        ("dnd ", Reason.REJECTED),
        ("Circuit/channel congestion", Reason.CONGESTION),
        ("Line unreachable", Reason.UNREACHABLE),
        ("Line Unreachable", Reason.UNREACHABLE),
        ("NO Outbound Restriction", Reason.NOT_PERMITTED),
        ("NO Outbound Restrictin", Reason.NOT_PERMITTED),
        ("NO Dial Permission", Reason.NOT_PERMITTED),
        ("488 Not Acceptable Here", Reason.FAILED),
        ("500 Server Internal Error", Reason.FAILED),
        ("4861", Reason.FAILED),
        ("", Reason.FAILED),
        ("something new", Reason.FAILED),
    ],
)
def test_failure_reason(words: str, reason: Reason) -> None:
    assert failure_reason(words) is reason
