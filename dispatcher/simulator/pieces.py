"""Writing to a connection in pieces of any length, as networks may deliver it."""

import asyncio
import random

LONGEST = 400
_PAUSE = 0.0005


class Pieces:
    """What is still to be sent on one connection, where it is cut at random places."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dice: random.Random) -> None:
        self._loop = loop
        self._dice = dice
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = b""

    @property
    def waiting(self) -> int:
        """Bytes that are still to be sent."""
        return len(self._waiting)

    def write(self, transport: asyncio.Transport, data: bytes) -> None:
        """Send `data` behind what is still waiting."""
        idle = not self._waiting
        self._waiting += data
        if idle and data:
            self._send(transport)

    def drop(self) -> None:
        """Forget what is waiting: the connection is gone."""
        self._waiting = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, transport: asyncio.Transport) -> None:
        size = self._dice.randint(1, max(1, min(len(self._waiting), LONGEST)))
        transport.write(self._waiting[:size])
        self._waiting = self._waiting[size:]
        self._timer = self._loop.call_later(_PAUSE, self._send, transport) if self._waiting else None
