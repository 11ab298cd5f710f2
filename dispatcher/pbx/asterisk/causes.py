"""Why a call was not answered: SIP's status, and Q.850's cause where there is none.

Asterisk gives one cause to several statuses (408, 480 and its own time-out are all 19), so the status of
the last SIP response decides where it is known (function HANGUPCAUSE, 'tech').
"""

import re

from dispatcher.domain.reasons import Reason

_SIP = re.compile(r"SIP\s+(\d{3})")

SIP: dict[int, Reason] = {
    **dict.fromkeys((486, 600), Reason.BUSY),
    **dict.fromkeys((433, 603, 607, 608), Reason.REJECTED),
    **dict.fromkeys((408, 480, 487), Reason.NO_ANSWER),
    **dict.fromkeys((404, 410, 484, 485, 604), Reason.INVALID_NUMBER),
    **dict.fromkeys((402, 403), Reason.NOT_PERMITTED),
    **dict.fromkeys((491, 500, 503, 580), Reason.CONGESTION),
    **dict.fromkeys(
        (401, 405, 406, 407, 415, 416, 420, 421, 423, 481, 482, 483, 488, 501, 502, 504, 505, 513, 606),
        Reason.UNREACHABLE,
    ),
}
"""RFC 3261, section 21, and its extensions; any other failure is ``Reason.FAILED``.

After 401 and 407 Asterisk sends again with its password, so they are last only where it is wrong.
"""

Q850: dict[int, Reason] = {
    **dict.fromkeys((1, 5, 22, 28), Reason.INVALID_NUMBER),
    17: Reason.BUSY,
    **dict.fromkeys((21, 54), Reason.REJECTED),
    **dict.fromkeys((16, 18, 19, 20, 26), Reason.NO_ANSWER),
    **dict.fromkeys((29, 50, 52, 57), Reason.NOT_PERMITTED),
    **dict.fromkeys((6, 34, 41, 42, 43, 44, 47, 58), Reason.CONGESTION),
    **dict.fromkeys((2, 3, 27, 38, 65, 66, 69, 79, 88, 102), Reason.UNREACHABLE),
}
"""ITU-T Q.850, table 1; any other cause tells nothing (``Reason.FAILED``)."""

UNTOLD = frozenset({0, 16, 18, 19, 102})
"""Causes that Asterisk gives by itself to a call that it gives up, by version: they name no one's doing."""


def of_sip(tech: str) -> int | None:
    """The status in what a channel says of its last response, such as "SIP 486 Busy Here"."""
    found = _SIP.match(tech)
    return int(found[1]) if found is not None else None


def of_status(status: int) -> Reason:
    """What a final SIP status that is no success means."""
    return SIP.get(status, Reason.FAILED)


def of_cause(cause: int) -> Reason:
    """What the cause of a call that nobody answered means."""
    return Q850.get(cause, Reason.FAILED)
