"""The buffer of events, and the requests that wait for them: chapter "Events", "Usage"."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dispatcher.simulator.connection import Lane, Report
from dispatcher.simulator.http_server import Request
from dispatcher.simulator.judge import Judge

LONGEST_WAIT = 60.0
"""How long a request without a `timeout` is held; the manual does not say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for events wants: those after `last` (None: all there are), at most `limit` of them."""

    last: int | None
    timeout: float
    limit: int | None


@dataclass(frozen=True, slots=True)
class _Event:
    seq: int
    report: Report
    timestamp: str

    @property
    def text(self) -> bytes:
        head = b'{"seq":%d,"timestamp":"%b",' % (self.seq, self.timestamp.encode())
        return head + self.report.body.removeprefix(b"{")


class EventBuffer:
    """Numbers the events, keeps the last ones, and gives them to whoever asks.

    Nothing is gathered until somebody has asked. When the buffer is full, the oldest go; but when nobody has
    read during a whole buffer's length, everything goes, and gathering ends until somebody asks again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, judge: Judge, timezone: str, size: int) -> None:
        self._loop = loop
        self._judge = judge
        self._zone = ZoneInfo(timezone)
        self._size = size
        self._events: deque[_Event] = deque()
        self._waiting: dict[Request, tuple[Asked, asyncio.TimerHandle]] = {}
        self.gathers = False
        self._next = 0
        self._read_at = 0

    @property
    def pending(self) -> int:
        """An event is never owed to anybody."""
        return 0

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Gather an event, if any are gathered, and answer those who wait."""
        if not self.gathers:
            return
        if len(self._events) >= self._size:
            if self._next - self._read_at >= self._size:
                self.reset()
                return
            self._events.popleft()
        self._events.append(_Event(self._next, report, datetime.now(self._zone).isoformat()))
        self._next += 1
        self._serve_waiting()

    def ask(self, request: Request, asked: Asked) -> None:
        """Answer with events now, or as soon as there is one, or with none when the time is over."""
        self.gathers = True
        if self._answer(request, asked):
            return
        if asked.timeout <= 0:
            request.reply(b"[]")
            return
        timer = self._loop.call_later(asked.timeout, self._give_up, request)
        self._waiting[request] = (asked, timer)

    def skip(self, count: int) -> None:
        """So many events have come and gone: the buffer has overflowed, while somebody was reading."""
        self._events.clear()
        self._next += count
        self._read_at = self._next

    def reset(self) -> None:
        """The buffer is empty, numbers begin anew, and nothing is gathered until somebody asks."""
        self._events.clear()
        self._next = self._read_at = 0
        self.gathers = False

    def clear(self) -> None:
        """The PBX restarts: as reset, and those who wait lose their connections."""
        self.reset()
        for request in list(self._waiting):
            self._forget(request)
            request.cut()

    def _serve_waiting(self) -> None:
        for request, (asked, _) in list(self._waiting.items()):
            if self._answer(request, asked):
                self._forget(request)

    def _answer(self, request: Request, asked: Asked) -> bool:
        found = self._after(asked)
        if not found:
            return False
        self._read_at = self._next
        for event in found:
            self._judge.report("sent", event.report.callid, event.report.action)
        request.reply(b"[%b]" % b",".join(event.text for event in found))
        return True

    def _after(self, asked: Asked) -> list[_Event]:
        """The events to answer with: without `last` the newest ones, else the oldest that come after it.

        A `last` that has not been given out since the numbers began anew counts as none.
        """
        events = list(self._events)
        if asked.last is None:
            return events if asked.limit is None else events[max(0, len(events) - asked.limit) :]
        if asked.last < self._next:
            events = [event for event in events if event.seq > asked.last]
        return events[: asked.limit]

    def _give_up(self, request: Request) -> None:
        del self._waiting[request]
        request.reply(b"[]")

    def _forget(self, request: Request) -> None:
        self._waiting.pop(request)[1].cancel()
