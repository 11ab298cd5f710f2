"""What the tests of both newer APIs, v2.0.0 and the P-Series', have in common."""

from collections.abc import Callable

from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.protocol import DialOrder, Message, Session, TransferOrder
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_p import YeastarP

Newer = YeastarK2 | YeastarP

ORDER = DialOrder(TargetKind.NUMBER, "90612345678", Message(MessageKind.IVR, "6500"), "1000")

REASONS = [
    ("NO Outbound Restriction", Reason.NOT_PERMITTED),
    ("NO Outbound Restrictin", Reason.NOT_PERMITTED),
    ("NO Dial Permission", Reason.NOT_PERMITTED),
    ("Circuit/channel congestion", Reason.CONGESTION),
    ("DND", Reason.REJECTED),
    ("Line Unreachable", Reason.UNREACHABLE),
    ("User Busy", Reason.BUSY),
    ("410 Gone", Reason.INVALID_NUMBER),
    ("404 NOT found", Reason.INVALID_NUMBER),
    ("408 Request Time", Reason.NO_ANSWER),
    ("480 Temporatily Unavailable", Reason.NO_ANSWER),
    ("484 Address incomplete", Reason.INVALID_NUMBER),
    ("486 Busy here", Reason.BUSY),
    ("603 Declined", Reason.NO_ANSWER),
    ("Gremlins", Reason.FAILED),
]
"""Why a call failed, spelt as in the tables of both manuals, and one that is in neither."""

REQUESTS: tuple[Callable[[Newer, Session], object], ...] = (
    lambda driver, session: driver.keep_alive(session),
    lambda driver, session: driver.live_calls(session),
    lambda driver, session: driver.live_call(session, "1.2"),
    lambda driver, session: driver.trunks(session),
    lambda driver, session: driver.ivrs(session),
    lambda driver, session: driver.device(session),
    lambda driver, session: driver.dial(session, ORDER),
    lambda driver, session: driver.hang_up_leg(session, "1.3"),
    lambda driver, session: driver.transfer(session, TransferOrder("1.3", TargetKind.NUMBER, "18283773")),
    lambda driver, session: driver.logout(session),
)
"""Everything that is asked within a session, but for records and events."""


def that_carry_secrets(session: Session) -> dict[str, Callable[[Newer], object]]:
    """The requests in which passwords and tokens are sent."""
    return {
        "login": lambda driver: driver.login(),
        "refresh": lambda driver: driver.keep_alive(session),
        "dial": lambda driver: driver.dial(session, ORDER),
        "listen": lambda driver: driver.open_reports(""),
    }
