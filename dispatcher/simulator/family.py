"""What the simulator asks of a family: one folder with a class that satisfies `SimulatedFamily`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dispatcher.simulator.callees import CalleeBook
from dispatcher.simulator.faults import FaultDice
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.settings import SimulatorSettings

Page = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


class SimulatedFamily(Protocol):
    """A simulated PBX of one family, inside an event loop. Everything is called on that loop's thread."""

    @property
    def judge(self) -> Judge:
        """What really happens."""

    @property
    def dice(self) -> FaultDice:
        """The faults."""

    @property
    def callees(self) -> CalleeBook:
        """The people at the other end."""

    @property
    def idle(self) -> bool:
        """No call is up, and no report is still to be delivered."""

    @property
    def sessions(self) -> int:
        """How many logins are good at the moment."""

    @property
    def report_port(self) -> int:
        """The port of its own that the family sends reports from; 0 when there is none."""

    @property
    def pages(self) -> Mapping[str, Page]:
        """Further pages under `/simulator/`, by name: what only this family can be made to do."""

    async def listen(self) -> None:
        """Open what the family listens on beside the API's port; OSError when that is taken."""

    def handle(self, request: Request) -> None:
        """Answer one request of the API, at once or later."""

    def went_away(self) -> None:
        """The PBX is off for a while: what `listen` opened refuses connections until `listen` again."""

    def restart(self) -> None:
        """Calls, sessions and waiting reports are gone, and nobody is told."""

    def boot_up(self) -> None:
        """Tell the application that the PBX has restarted, at the place where its reports went before."""

    def reset(self) -> None:
        """As new, but still logged in: no calls, no records, everything as in the settings."""

    def expire_tokens(self) -> None:
        """Every login lapses now."""

    def set_trunk(self, name: str, *, down: bool) -> None:
        """A trunk fails or comes back; KeyError when there is none of this name."""

    def place_other(self, trunk: str, direction: str, number: str, extension: str, seconds: float) -> str:
        """A person phones for real seconds; the callid.

        KeyError: no such trunk. ValueError: an unknown direction. RuntimeError: the trunk is full or down.
        """

    def hang_up(self, callid: str) -> None:
        """End a live call; KeyError when there is none."""

    def close(self) -> None:
        """Drop everything and stop every timer."""


MakeFamily = Callable[
    [asyncio.AbstractEventLoop, SimulatorSettings, Callable[[float], None]], SimulatedFamily
]
"""Builds one from the loop, the settings, and what restarts the PBX with so many seconds away."""
