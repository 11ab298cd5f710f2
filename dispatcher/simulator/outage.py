"""Times when the API does not do its work: it answers 502, resets connections, or takes its time."""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from dispatcher.simulator.http_server import Handler, Request
from dispatcher.simulator.judge import Judge


class OutageKind(StrEnum):
    """What is wrong with the API as a whole; `Fault` is what is wrong with one request or report."""

    NONE = "none"
    BAD_GATEWAY = "502"
    """Every request is answered with HTTP 502, and nothing is done."""
    CUT_OFF = "cut"
    """Connections are accepted and reset, and nothing is done; reports are not to be fetched."""
    SLOW = "slow"
    """Every request is done and answered only after `delay` seconds."""


class Outage:
    """Stands between the API's port and the PBX. The simulator's own pages are not concerned."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: Handler,
        judge: Callable[[], Judge],
        cut_off: Callable[[bool], None],
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._judge = judge
        self._cut_off = cut_off
        self._kind = OutageKind.NONE
        self._delay = 0.0
        self._end: asyncio.TimerHandle | None = None

    def begin(self, kind: OutageKind, seconds: float = 0.0, delay: float = 1.0) -> None:
        """From now on, for `seconds`; 0: until the next `begin`, which `OutageKind.NONE` ends it with."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if (kind is OutageKind.CUT_OFF) is not (self._kind is OutageKind.CUT_OFF):
            self._cut_off(kind is OutageKind.CUT_OFF)
        self._kind, self._delay = kind, delay
        self._judge().note("outage", outage=kind.value)
        if kind is not OutageKind.NONE and seconds > 0:
            self._end = self._loop.call_later(seconds, self.begin, OutageKind.NONE)

    def pass_on(self, request: Request) -> None:
        """Let the PBX answer a request, or not."""
        match self._kind:
            case OutageKind.NONE:
                self._handle(request)
            case OutageKind.BAD_GATEWAY:
                request.reply(b"<html>502 Bad Gateway</html>", 502, "text/html")
            case OutageKind.CUT_OFF:
                request.reset()
            case OutageKind.SLOW:
                self._loop.call_later(self._delay, self._handle, request)

    def close(self) -> None:
        """Stop the timer."""
        if self._end is not None:
            self._end.cancel()
