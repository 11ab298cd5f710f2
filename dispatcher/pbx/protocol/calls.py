"""Optional: many calls placed at once, the calls that are up, and what can be done to one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dispatcher.domain.reports import PartyKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol.account import Session
from dispatcher.pbx.protocol.orders import Accepted, DialOrder, TransferOrder


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that the PBX shows as live. ``callid`` is empty where the family only names legs."""

    leg: str
    number: str
    trunk: str
    direction: PartyKind
    caller: str = ""
    callid: str = ""
    status: str = ""


@runtime_checkable
class DialsTogether(Protocol):
    """Families whose driver sends many dial requests at once, and reads the answers as they come."""

    def dial_together(
        self, session: Session, orders: Sequence[DialOrder], send_by: float
    ) -> Iterator[list[tuple[int, Accepted | PbxError]]]:
        """Place one call for each order, and yield by its place what came of each, some at a time.

        Each is sent once at most, and by ``send_by`` (monotonic seconds) or not at all: then the error is
        :class:`~dispatcher.pbx.errors.PbxRefused`.
        """
        ...


@runtime_checkable
class SeesLiveCalls(Protocol):
    """Families that can list the calls that are up, ours and others'."""

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every live call on every trunk."""
        ...


@runtime_checkable
class SeesCall(Protocol):
    """Families that can say of one call whether it is up."""

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        """The call of this callid, or None when the PBX says that it is gone."""
        ...


@runtime_checkable
class HangsUp(Protocol):
    """Families that can end a call."""

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End the outbound leg ``leg``; ``Reason.CALL_OVER`` when it is gone already."""
        ...

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        """End the call ``callid`` to an extension; ``Reason.CALL_OVER`` when the extension is not in it.

        With ``Capabilities.hangs_up_whatever`` it is the extension's current call, be it this or another.
        """
        ...


@runtime_checkable
class Transfers(Protocol):
    """Families that can put a call through to somebody else (``Capabilities.transfers``)."""

    def transfer(self, session: Session, order: TransferOrder) -> None:
        """Let whoever has answered a call talk to somebody else, in place of hearing the message.

        Nobody waits for the other to answer. ``Reason.CALL_OVER`` when the call is gone already.
        """
        ...
