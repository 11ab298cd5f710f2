"""The simulated PBX in a process of its own, and what it tells of itself.

`python -m bench.pbx '{"port": 8088, …}'` runs it; `Pbx` starts that, and reads its pages.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.arithmetic import Span
from bench.processes import Program
from dispatcher.simulator import (
    DeliverySettings,
    SimulatorSettings,
    Timing,
    TrunkSettings,
    serve,
)
from tests.services.process import HOST, free_port

TRUNK = "SPS-6-36"
PREFIX = "9"
IVR = "6500"
EXTENSION = "1000"
USERNAME = "api"
PASSWORD = "password"
SERIAL = "369362089179"

INSTANT = asdict(Timing.instant())
"""No stage of a call takes any time."""
ONE_SECOND = asdict(
    Timing(setup=0.05, ring=0.25, prompt=0.5, key_delay=0.1, cdr=0.02, no_answer=1, response=0.2, talk=1)
)
"""A callee who presses 1 keeps the channel for one second; the record follows 20 ms later."""


@dataclass(frozen=True, slots=True)
class PbxPlan:
    """What the simulated PBX of one run is like."""

    channels: int
    timing: Mapping[str, float] = field(default_factory=lambda: dict(INSTANT))


def settings_of(plan: PbxPlan, port: int) -> SimulatorSettings:
    """The simulator's settings: a lasting report connection for each channel, one trunk, callees press 1."""
    connections = max(64, plan.channels)
    return SimulatorSettings(
        port=port,
        username=USERNAME,
        password=PASSWORD,
        serial=SERIAL,
        trunks=(TrunkSettings(TRUNK, plan.channels, prefix=PREFIX),),
        timing=Timing(**plan.timing),
        behaviour_by_suffix=False,
        delivery=DeliverySettings(keep_alive=True, connections=connections, retry_interval=1.0),
        keep_log=False,
    )


class Pbx:
    """A running simulated PBX."""

    def __init__(self, plan: PbxPlan, folder: Path) -> None:
        self.plan = plan
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._http = httpx.Client(base_url=self.url, timeout=30)
        arguments = json.dumps({"port": self.port, **asdict(plan)})
        self.program = Program("pbx", [sys.executable, "-m", "bench.pbx", arguments], folder, {})

    def start(self) -> "Pbx":
        """Start it, and wait until it answers."""
        self.program.start(lambda: answers(self._http, "/simulator/state"))
        return self

    def stop(self) -> None:
        """Stop it."""
        self._http.close()
        self.program.stop()

    def state(self) -> dict[str, Any]:
        """Trunks, reports, live calls, calls over the limit."""
        found: dict[str, Any] = self._http.get("/simulator/state").json()
        return found

    def calls(self) -> list[dict[str, Any]]:
        """The truth about every call."""
        found: list[dict[str, Any]] = self._http.get("/simulator/calls").json()
        return found

    def set_callees(self, callees: Mapping[str, str]) -> None:
        """Choose what callees do, by number."""
        self._http.post("/simulator/callees", json=dict(callees)).raise_for_status()

    def spans(self, prefix: str = "") -> list[Span]:
        """The calls that are over, to numbers that begin so."""
        return [
            Span(call["number"], call["started"], call["ended"])
            for call in self.calls()
            if call["ended"] is not None and call["number"].startswith(prefix)
        ]


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a page is there."""
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def main(arguments: str) -> None:
    """Run a simulated PBX until it is told to stop."""
    given = json.loads(arguments)
    port = given.pop("port")
    serve(settings_of(PbxPlan(**given), port))


if __name__ == "__main__":
    main(sys.argv[1])
