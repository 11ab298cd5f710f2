"""Pairs of a driver and its simulated PBX: a new family adds one to ``PAIRS`` and must pass all of this."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from dispatcher.domain.facts import Target
from dispatcher.domain.outcomes import Terms
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import MessageKind, Outcome, TargetKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import DialOrder, Driver, Message, PbxAccount, PullsReports, ReportStream
from dispatcher.pbx.registry import CAPABILITIES, FAMILIES, make_driver
from dispatcher.simulator import Behaviour, DeliverySettings, SimulatedPbx, SimulatorSettings, Timing
from tests.pbx.drivers import Drivers, Observed, account_at
from tests.pbx.raw_pbx import RawPbx, answer

PREFIX = "9"
TRUNK = "SPS-6-36"
USERNAME, PASSWORD = "api", "password"
WEBHOOK_SECRET = "qD0xSV2wqkMcd8oW7QTgVmRz1LpY5bHs"


@dataclass(frozen=True, slots=True)
class Pair:
    """How to build one family's simulated PBX, and what it has to play to whom."""

    settings: SimulatorSettings
    messages: dict[MessageKind, str] = field(
        default_factory=lambda: {
            MessageKind.IVR: "6500",
            MessageKind.PROMPT: "alarm",
            MessageKind.QUEUE: "6700",
            MessageKind.RING_GROUP: "6200",
        }
    )
    targets: dict[TargetKind, str] = field(
        default_factory=lambda: {TargetKind.NUMBER: PREFIX + "0612340001", TargetKind.EXTENSION: "1002"}
    )
    unknown: dict[MessageKind, Reason] = field(
        default_factory=lambda: {
            MessageKind.IVR: Reason.IVR_UNKNOWN,
            MessageKind.QUEUE: Reason.QUEUE_UNKNOWN,
            MessageKind.RING_GROUP: Reason.RING_GROUP_UNKNOWN,
        }
    )
    """How the PBX refuses the number of a message that it does not have; it may also find out too late."""
    target: TargetKind = TargetKind.NUMBER
    """What is usually dialled, and ``callee`` whom: most of the tests are about one such call."""
    callee: str = "0612340001"
    refused: Sequence[tuple[str, str, Reason]] = (
        ("0612340031", "1000", Reason.INVALID_NUMBER),
        ("0612340002", "7777", Reason.EXTENSION_UNKNOWN),
    )
    """Callees and the extensions to call them from that are refused at once, and why."""
    has_sessions: bool = True
    """Whether there is a login that can lapse; without one every request carries the credential."""
    locks_out: bool = True
    """Whether an address is locked after five wrong passwords."""
    is_sloppy: bool = True
    """Whether the manual shows reports that are malformed."""
    weaker: dict[Behaviour, Outcome] = field(default_factory=dict)
    """Outcomes that the family can't tell as they were: the documented weaker ones."""


PAIRS: dict[str, Pair] = {
    "yeastar-s": Pair(SimulatorSettings(family="yeastar-s", port=0, time_scale=0.001)),
    "yeastar-k2": Pair(
        SimulatorSettings(family="yeastar-k2", port=0, time_scale=0.001),
        # Whatever calls is a "caller" in one and the same request: an unknown one could be a telephone.
        unknown=dict.fromkeys(
            (MessageKind.IVR, MessageKind.QUEUE, MessageKind.RING_GROUP), Reason.BAD_REQUEST
        ),
    ),
    "yeastar-p": Pair(
        SimulatorSettings(
            family="yeastar-p",
            port=0,
            time_scale=0.001,
            delivery=DeliverySettings(retry_interval=0.005),
        ),
        unknown=dict.fromkeys(
            (MessageKind.IVR, MessageKind.QUEUE, MessageKind.RING_GROUP), Reason.BAD_REQUEST
        ),
        # What is wrong with a number is told by an event; what is not found, by one code for everything.
        refused=[("0612340002", "7777", Reason.BAD_REQUEST)],
    ),
    "axeos": Pair(
        SimulatorSettings(
            family="axeos", port=0, time_scale=0.001, timing=Timing(setup=0.05, ring=0.1, no_answer=1.0)
        ),
        targets={TargetKind.NUMBER: PREFIX + "0612340001", TargetKind.USER: "ben"},
        # The user's own phone rings first; what they are then connected with nobody looks at before.
        unknown={},
        target=TargetKind.USER,
        callee="anna",
        refused=[("nobody", "", Reason.EXTENSION_UNKNOWN)],
        has_sessions=False,
        locks_out=False,
        is_sloppy=False,
        weaker={
            # A phone's answer is all that is told: not who or what has answered, ...
            **dict.fromkeys(
                (
                    Behaviour.KEY_9,
                    Behaviour.SILENT,
                    Behaviour.ANSWERS_LATE,
                    Behaviour.HANGS_UP_EARLY,
                    Behaviour.HANGS_UP_AT_ONCE,
                    Behaviour.HEARS_THEN_HANGS_UP,
                    Behaviour.VOICEMAIL,
                ),
                Outcome.DELIVERED,
            ),
            # ... and of failures only three kinds.
            Behaviour.DO_NOT_DISTURB: Outcome.BUSY,
            Behaviour.LINE_UNREACHABLE: Outcome.NO_ANSWER,
            **dict.fromkeys(
                (
                    Behaviour.NOT_FOUND,
                    Behaviour.ADDRESS_INCOMPLETE,
                    Behaviour.TRUNK_REFUSES,
                    Behaviour.NOT_PERMITTED,
                ),
                Outcome.UNKNOWN,
            ),
        },
    ),
    "asterisk": Pair(
        SimulatorSettings(family="asterisk", port=0, time_scale=0.001),
        unknown={
            MessageKind.IVR: Reason.IVR_UNKNOWN,
            MessageKind.QUEUE: Reason.QUEUE_UNKNOWN,
            MessageKind.RING_GROUP: Reason.UNSUPPORTED,
        },
        # What is wrong with a number, only the trunk knows.
        refused=[],
        has_sessions=False,
        locks_out=False,
        is_sloppy=False,
        weaker={
            # A mailbox answers like a person.
            Behaviour.VOICEMAIL: Outcome.NOT_HEARD,
            # SIP says more than the vendor's words do.
            Behaviour.DECLINES: Outcome.REJECTED,
            Behaviour.NO_RESPONSE: Outcome.UNREACHABLE,
        },
    ),
}


class Fetched:
    """Reads a stream to its end, in a thread, and keeps the bodies."""

    def __init__(self, stream: ReportStream) -> None:
        self._stream = stream
        self._bodies = list(stream.read().bodies)
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while True:
                found = self._stream.read().bodies
                with self._more:
                    self._bodies += found
                    self._more.notify_all()
        except PbxError:
            return

    def wait_for(self, count: int) -> list[bytes]:
        """The bodies, once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self._bodies) >= count, timeout=10.0)
            return list(self._bodies)

    def stop(self) -> None:
        """Wait for the end of the stream, which the PBX's own end has broken off."""
        self._stream.close()
        self._thread.join(timeout=10.0)


class Rig:
    """A simulated PBX, a driver for it, and the place where its reports arrive."""

    def __init__(self, family: str, pair: Pair) -> None:
        self.family = family
        self.pair = pair
        self._drivers = Drivers()
        self._unwatched = Drivers()
        self._sink = RawPbx(answer(b""))
        self._fetched: Fetched | None = None
        self.pbx = SimulatedPbx(pair.settings)

    def start(self) -> None:
        self._sink.__enter__()
        self.pbx.start()
        fetching = self._unwatched.make(make_driver, self._account())
        if isinstance(fetching, PullsReports) and fetching.pulls_reports:
            self._fetched = Fetched(fetching.open_reports(""))

    def stop(self) -> None:
        self.pbx.stop()
        if self._fetched is not None:
            self._fetched.stop()
        self._unwatched.close()
        self._drivers.close()
        self._sink.__exit__(None, None, None)

    @property
    def observed(self) -> Observed:
        """(operation, result) of every request of the test's own drivers."""
        return self._drivers.observed

    @property
    def reports_url(self) -> str:
        """Where the PBX is told to post its reports."""
        return f"{self._sink.url}/reports/hq"

    @property
    def is_fetching(self) -> bool:
        """Whether reports are fetched here, and not posted."""
        return self._fetched is not None

    @property
    def terms(self) -> Terms:
        """The most that can be asked of the usual call."""
        return Terms(CAPABILITIES[self.family].proofs(self.pair.target)[-1], ack_digits="1")

    def driver(self, **changed: Any) -> Driver:
        """A further driver of the same PBX, with a changed account."""
        return self._drivers.make(make_driver, replace(self._account(), **changed))

    def _account(self) -> PbxAccount:
        return account_at(
            self.pbx.url,
            family=self.family,
            username=USERNAME,
            password=PASSWORD,
            reports_url=self.reports_url,
            webhook_secret=WEBHOOK_SECRET,
            host=self.pbx.settings.host,
            port=self.pbx.report_port,
            dials={trunk.name: f"PJSIP/{{number}}@{trunk.name}" for trunk in self.pbx.settings.trunks},
        )

    def order(self, callee: str = "", kind: MessageKind = MessageKind.IVR, value: str = "") -> DialOrder:
        """Play a message to the usual callee, or to another."""
        message = Message(kind, value or self.pair.messages[kind])
        return DialOrder(self.pair.target, self.digits(callee or self.pair.callee), message, "1000")

    def refused(self) -> Iterator[tuple[DialOrder, Reason]]:
        """Orders that are refused at once, and why."""
        for callee, extension, reason in self.pair.refused:
            yield replace(self.order(callee), from_extension=extension), reason

    def digits(self, callee: str) -> str:
        """A callee as they are dialled."""
        return PREFIX + callee if self.pair.target is TargetKind.NUMBER else callee

    def about(self, callee: str = "", kind: MessageKind = MessageKind.IVR) -> Target:
        """Whom the reports of the usual call are about."""
        return Target(self.pair.target, self.digits(callee or self.pair.callee), kind)

    def bodies(self) -> list[bytes]:
        """Every report as it arrived, once the PBX has no more to say."""
        self.pbx.wait_idle()
        if self._fetched is not None:
            told = self.pbx.judge.reports()
            return self._fetched.wait_for(told["made"] - told["lost"])
        return [request.partition(b"\r\n\r\n")[2] for request in self._sink.requests]

    def paths(self) -> set[bytes]:
        """Where reports were posted."""
        return {request.split(b" ")[1] for request in self._sink.requests}

    def reports(self, driver: Driver, callid: str | None = None) -> Sequence[Report]:
        """Every report of one call, or of all, parsed by its driver."""
        parsed = [report for body in self.bodies() for report in driver.parse(body)]
        return [report for report in parsed if callid is None or report.callid == callid]


R = TypeVar("R", bound=Rig)


@contextmanager
def rigs_of(kind: type[R], family: str) -> Iterator[Callable[..., R]]:
    """Starts simulated PBXs of one family, each with changed settings, and stops them in the end."""
    pair = PAIRS[family]
    with ExitStack() as running:

        def make(**changed: Any) -> R:
            rig = kind(family, replace(pair, settings=replace(pair.settings, **changed)))
            rig.start()
            running.callback(rig.stop)
            return rig

        yield make


@pytest.fixture(params=sorted(FAMILIES))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running pair, one for each registered family; its calls take a thousandth of their time."""
    with rigs_of(Rig, request.param) as make:
        yield make()


@pytest.fixture(params=sorted(FAMILIES))
def slow_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The same, but its calls take as long as in life: whatever is up stays up during a test."""
    with rigs_of(Rig, request.param) as make:
        yield make(time_scale=1.0)
