"""The one protocol that every PBX family's driver offers, and its optional capabilities.

A driver turns the dispatcher's requests into the vendor's HTTP API and the vendor's reports into
:class:`~dispatcher.domain.reports.Report`. It keeps no state but its HTTP connections: the session
(token) is handed to it, so that every process can share one. It never reads the database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol, runtime_checkable

from dispatcher.domain.reports import PartyKind, Report
from dispatcher.domain.vocabulary import DeliveredWhen, MessageKind, TargetKind
from dispatcher.pbx.errors import PbxError


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of an Asterisk's dialplan into which calls are led, under their usual names."""

    ivr: str = "dispatcher-ivr"
    prompt: str = "dispatcher-play"
    queue: str = "dispatcher-queue"
    ended: str = "dispatcher-ended"
    """Where the end of every call is told and kept."""


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
    report_transport: str = "http"
    """``http``: the PBX posts its reports; ``tcp``: we connect to its event port, ``websocket``: to its
    WebSocket, and read them."""
    webhook_secret: str = field(default="", repr=False)
    """What a PBX that signs the reports it posts signs them with."""
    report_port: int = 8333
    """The PBX's event port where reports are read over TCP."""
    prompt_volume: int | None = None
    """How loud prompts are played, 0 to 20, where the family can be told; None leaves it to the PBX."""
    timeout_seconds: float = 10.0
    """For every request; a dial request that takes longer is in doubt."""
    host: str = ""
    """Where a PBX is that is not reached over HTTP, with ``port``, over TLS if ``tls``."""
    port: int = 0
    tls: bool = False
    dials: Mapping[str, str] = field(default_factory=dict)
    """How each trunk is dialled, by its name, where the PBX is told: ``PJSIP/{number}@provider``."""
    extension_dial: str = "PJSIP/{extension}"
    contexts: Contexts = Contexts()
    ring_seconds: float = 45.0
    """How long a phone may ring, where the PBX is told."""
    caller_id: str = ""
    """Whom the callee is shown, where the PBX is told; empty leaves it to the PBX."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login at a PBX, shared by every process through the store."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a family can place and what it can know.

    ``placeable`` pairs what is played with what is dialled; ``provable`` pairs the values of
    ``delivered_when`` that the family's reports can prove with what is dialled.
    """

    placeable: frozenset[tuple[MessageKind, TargetKind]]
    provable: frozenset[tuple[DeliveredWhen, TargetKind]]
    prompt_count: bool = False
    """Whether a prompt can be repeated by request (``count``)."""
    dial_waits: float = 0.0
    """For how many seconds beyond the usual time-out the answer to a dial request may wait for a person."""
    own_ids: bool = False
    """Whether a call's callid is the one that its order names; then it is :class:`KnowsOwnCalls` as well."""
    unseen: tuple[str, ...] = ()
    """What of this rests on a manual or on inference alone, and was seen on no PBX: sentences for people."""
    dials_together: bool = False
    """Whether its driver sends many dial requests at once (:class:`DialsTogether`)."""

    def calls(self, target: TargetKind) -> bool:
        """Whether anything at all can be played to such a target."""
        return any(target is placed for _, placed in self.placeable)

    def proofs(self, target: TargetKind) -> list[DeliveredWhen]:
        """What can be proven of calls to such a target, weakest first."""
        return [proof for proof in DeliveredWhen if (proof, target) in self.provable]


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
    trunk: str = ""
    """The trunk that is to be taken, for families that are told."""
    callid: str = ""
    """The id that the call is to have, for families that take ours; each id is dialled once."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The PBX has taken a dial request. ``seen`` is what its answer already says of the call."""

    callid: str
    seen: tuple[Report, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing about how a PBX is set up: whether it is right (None: not to be seen), and how to mend it."""

    check: str
    is_right: bool | None
    detail: str
    mend: str = ""


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

    def keep_alive(self, session: Session) -> Session | None:
        """Refresh the session before it lapses and point the reports at us again.

        Returns the session that has taken its place, or None where it goes on as it is.
        """
        ...

    def logout(self, session: Session) -> None:
        """End the session."""
        ...

    def dial(self, session: Session, order: DialOrder) -> Accepted:
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
class KeepsRecords(Protocol):
    """Families whose call detail records can be fetched afterwards."""

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The records of all calls that began within a time (aware, both ends included), oldest first.

        Each is a report with ``ReportEvent.CDR``. A call can have several, or none yet: a record is
        written when the call is over. One query answers for all calls; it is dear, so ask seldom.
        """
        ...


@runtime_checkable
class KnowsOwnCalls(Protocol):
    """Families whose calls bear the ids that we give them, so that each can be asked for whatever happened.

    A call that is neither live nor among the ends that the PBX has kept was never placed, unless the PBX was
    started again since (then the session is another).
    """

    def endings(self, session: Session, callids: Sequence[str], since: datetime) -> Sequence[Report]:
        """Everything that the PBX has kept of those of these calls that have ended, begun after ``since``.

        It is kept before a call is gone from the live calls, and tells all that its reports have told: one
        call's first report says that it is over. Refused where the PBX keeps no ends.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one look at a stream of reports brought; no ``bodies`` when nothing came in time."""

    bodies: Sequence[bytes] = ()
    position: str = ""
    """Where to go on once the bodies are durable; empty where the family has no such place."""
    missed: bool = False
    """Whether reports between the last look and this one are lost for good."""


class ReportStream(Protocol):
    """An open stream of reports. One thread reads it; another may close it."""

    def read(self) -> Pulled:
        """Wait for reports, for some seconds at most.

        Raises :class:`~dispatcher.pbx.errors.PbxError` when the stream is broken and must be opened anew.
        """
        ...

    def close(self) -> None:
        """Break the stream off; a ``read`` that waits ends soon."""
        ...


@runtime_checkable
class PullsReports(Protocol):
    """Families whose reports may have to be fetched, where the PBX does not post them."""

    @property
    def pulls_reports(self) -> bool:
        """Whether this PBX, as it is configured, sends its reports over a stream of ours."""
        ...

    def open_reports(self, position: str) -> ReportStream:
        """Open the stream after ``position``, empty for the first time or where there is none.

        Raises :class:`~dispatcher.pbx.errors.PbxError`; ``Reason.CREDENTIALS_REFUSED`` is not to be
        tried again by itself.
        """
        ...


@runtime_checkable
class SignsReports(Protocol):
    """Families whose PBX signs the reports that it posts."""

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a posted body is signed by this PBX; ``headers`` have their names in lower case."""
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


@runtime_checkable
class SeesClock(Protocol):
    """Families that tell what time it is there."""

    def clock(self, session: Session) -> datetime:
        """The PBX's clock, now; an instant."""
        ...


@runtime_checkable
class Examines(Protocol):
    """Families whose set-up can be looked at for what we need of it."""

    def examine(self, session: Session, queues: Sequence[str]) -> Sequence[Examined]:
        """What has to be set up for us, and whether it is; ``queues`` are those that calls are led into."""
        ...
