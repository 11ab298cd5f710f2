"""The one protocol that every PBX family's driver offers, and its optional capabilities.

A driver turns the dispatcher's requests into the vendor's HTTP API and the vendor's reports into
:class:`~dispatcher.domain.reports.Report`. It keeps no state but its HTTP connections: the session
(token) is handed to it, so that every process can share one. It never reads the database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Protocol, runtime_checkable

from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind


@dataclass(frozen=True, slots=True)
class PbxAccount:
    """How to reach and log in to one PBX. ``repr`` hides the password."""

    name: str
    family: str
    url: str
    username: str
    password: str = field(repr=False)
    verify_tls: bool
    timezone: tzinfo
    reports_url: str
    """Where the PBX is told to post its reports, e.g. ``http://10.0.0.5:8260/reports/hq``."""
    timeout_seconds: float = 10.0
    """For every request; a dial request that takes longer is in doubt."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login at a PBX, shared by every process through the store."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a family can place and what it can know.

    ``placeable`` pairs what is played with what is dialled; ``provable`` are the values of
    ``delivered_when`` that the family's reports can prove.
    """

    placeable: frozenset[tuple[MessageKind, TargetKind]]
    provable: frozenset[DeliveredWhen]
    prompt_count: bool = False
    """Whether a prompt can be repeated by request (``count``)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is played: an IVR, queue or ring group number, or prompt names joined by ``+``."""

    kind: MessageKind
    value: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class DialOrder:
    """One dial request. ``digits`` already carries the trunk's prefix when a number is dialled."""

    target: TargetKind
    digits: str
    message: Message
    from_extension: str = ""


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


@dataclass(frozen=True, slots=True)
class TrunkState:
    """A trunk as the PBX shows it. ``usable`` is None when the PBX does not know."""

    name: str
    status: str
    kind: str
    usable: bool | None


@dataclass(frozen=True, slots=True)
class Ivr:
    """An IVR of the PBX."""

    number: str
    name: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """What the PBX says of itself."""

    model: str = ""
    serial: str = ""
    firmware: str = ""


Observe = Callable[[str, str, float], None]
"""Called after every request with (operation, result, seconds), for the metrics."""


class Driver(Protocol):
    """What the core needs of every family.

    Every method that talks to the PBX raises :class:`~dispatcher.pbx.errors.PbxRefused` or
    :class:`~dispatcher.pbx.errors.PbxInDoubt` and nothing else; an expired session is ``PbxRefused``
    with ``Reason.TOKEN_INVALID``. None of them repeats a request by itself. All are thread-safe.
    """

    family: str
    capabilities: Capabilities
    report_words: Sequence[str]
    """The closed set of ``Report.word`` values, for the metrics' labels."""
    operations: Sequence[str]
    """The closed set of operation names, for the metrics' labels."""

    def login(self) -> Session:
        """Log in and point the PBX's reports at us."""
        ...

    def keep_alive(self, session: Session) -> None:
        """Refresh the session before it lapses and point the reports at us again."""
        ...

    def logout(self, session: Session) -> None:
        """End the session."""
        ...

    def dial(self, session: Session, order: DialOrder) -> str:
        """Place one call and return its callid. Sent once, never repeated."""
        ...

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one pushed body into reports.

        Tolerant of everything that FACTS calls a quirk. Raises ``ValueError`` when the body can't be
        understood at all; an unknown event is a report with ``ReportEvent.OTHER``.
        """
        ...

    def close(self) -> None:
        """Drop the connections."""
        ...


@runtime_checkable
class SeesLiveCalls(Protocol):
    """Families that can list the calls that are up, ours and others'."""

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        """Every live call on every trunk."""
        ...


@runtime_checkable
class HangsUp(Protocol):
    """Families that can end a call."""

    def hang_up_leg(self, session: Session, leg: str) -> None:
        """End the outbound leg ``leg``; ``Reason.CALL_OVER`` when it is gone already."""
        ...

    def hang_up_extension(self, session: Session, extension: str) -> None:
        """End the current call of an extension."""
        ...


@runtime_checkable
class SeesTrunks(Protocol):
    """Families that can say how their trunks are."""

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        """Every trunk with its state."""
        ...


@runtime_checkable
class SeesIvrs(Protocol):
    """Families that can list their IVRs."""

    def ivrs(self, session: Session) -> Sequence[Ivr]:
        """Every IVR."""
        ...


@runtime_checkable
class SeesDevice(Protocol):
    """Families that can describe the device."""

    def device(self, session: Session) -> Device:
        """Model, serial number and firmware."""
        ...
