"""Pairs of a driver and its simulated PBX: a new family adds one to ``PAIRS`` and must pass all of this."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Report
from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.protocol import DialOrder, Driver, Message, PbxAccount
from dispatcher.pbx.registry import FAMILIES, make_driver
from dispatcher.simulator import SimulatedPbx, SimulatorSettings
from tests.pbx.raw_pbx import RawPbx, answer

PREFIX = "9"
TRUNK = "SPS-6-36"
USERNAME, PASSWORD = "api", "password"


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
    """How the PBX refuses the number of a message that it does not have."""


PAIRS: dict[str, Pair] = {
    "yeastar-s": Pair(SimulatorSettings(family="yeastar-s", port=0, time_scale=0.001)),
    "yeastar-k2": Pair(
        SimulatorSettings(family="yeastar-k2", port=0, time_scale=0.001),
        # Whatever calls is a "caller" in one and the same request: an unknown one could be a telephone.
        unknown=dict.fromkeys(
            (MessageKind.IVR, MessageKind.QUEUE, MessageKind.RING_GROUP), Reason.BAD_REQUEST
        ),
    ),
}


class Rig:
    """A simulated PBX, a driver for it, and the place where its reports arrive."""

    def __init__(self, family: str, pair: Pair) -> None:
        self.family = family
        self.pair = pair
        self.observed: list[tuple[str, str]] = []
        self._drivers: list[Driver] = []
        self._sink = RawPbx(answer(b""))
        self.pbx = SimulatedPbx(pair.settings)

    def start(self) -> "Rig":
        self._sink.__enter__()
        self.pbx.start()
        return self

    def stop(self) -> None:
        for driver in self._drivers:
            driver.close()
        self.pbx.stop()
        self._sink.__exit__(None, None, None)

    def driver(self, **changed: Any) -> Driver:
        """A further driver of the same PBX, with a changed account."""
        account = PbxAccount(
            name="hq",
            family=self.family,
            url=self.pbx.url,
            username=USERNAME,
            password=PASSWORD,
            verify_tls=True,
            timezone=UTC,
            reports_url=f"{self._sink.url}/reports/hq",
            timeout_seconds=5.0,
        )
        made = make_driver(replace(account, **changed), self._observe)
        self._drivers.append(made)
        return made

    def _observe(self, operation: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((operation, result))

    def order(self, number: str = "0612340001", kind: MessageKind = MessageKind.IVR) -> DialOrder:
        """Play the usual message to an outside number."""
        return DialOrder(TargetKind.NUMBER, PREFIX + number, Message(kind, self.pair.messages[kind]), "1000")

    def bodies(self) -> list[bytes]:
        """Every report as it arrived, once the PBX has no more to say."""
        self.pbx.wait_idle()
        return [request.partition(b"\r\n\r\n")[2] for request in self._sink.requests]

    def paths(self) -> set[bytes]:
        """Where reports were posted."""
        return {request.split(b" ")[1] for request in self._sink.requests}

    def reports(self, driver: Driver, callid: str | None = None) -> Sequence[Report]:
        """Every report of one call, or of all, parsed by its driver."""
        parsed = [report for body in self.bodies() for report in driver.parse(body)]
        return [report for report in parsed if callid is None or report.callid == callid]


@pytest.fixture(params=sorted(FAMILIES))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running pair, one for each registered family; its calls take a thousandth of their time."""
    made = Rig(request.param, PAIRS[request.param]).start()
    yield made
    made.stop()


@pytest.fixture(params=sorted(FAMILIES))
def slow_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The same, but its calls take as long as in life: whatever is up stays up during a test."""
    pair = PAIRS[request.param]
    made = Rig(request.param, replace(pair, settings=replace(pair.settings, time_scale=1.0))).start()
    yield made
    made.stop()
