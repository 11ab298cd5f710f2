"""Between a call and the report sender: where faults are done to reports."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from dispatcher.simulator.connection import Lane, Report
from dispatcher.simulator.faults import Fault, FaultDice
from dispatcher.simulator.judge import Judge


class Sender(Protocol):
    """What carries reports to the application."""

    @property
    def pending(self) -> int:
        """Reports that are still to be delivered."""

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Put a report at the end of its lane."""

    def clear(self) -> None:
        """Forget every report."""


class Outbox:
    """Hands reports to the sender, after losing, doubling, breaking, delaying or swapping some of them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sender: Sender,
        dice: FaultDice,
        judge: Judge,
        breaker: Callable[[str], str],
    ) -> None:
        self._loop = loop
        self._sender = sender
        self._dice = dice
        self._judge = judge
        self._breaker = breaker
        self._generation = 0
        self._delayed = 0

    @property
    def idle(self) -> bool:
        """Nothing is still to be delivered."""
        return not self._delayed and not self._sender.pending

    def emit(self, lane: Lane, callid: str, action: str, text: str) -> None:
        """A call has something to report."""
        self._judge.report("made", callid, action)
        if not self._dice.on_report(action):
            self._put(lane, Report(callid, action, text.encode()))
            return
        if self._dice.strikes(Fault.LOST_REPORT):
            self._judge.report("lost", callid, action)
            return
        if self._dice.strikes(Fault.MALFORMED_REPORT):
            text = self._breaker(text)
        body = text.encode()
        copies = 2 if self._dice.strikes(Fault.DUPLICATE_REPORT) else 1
        for _ in range(copies):
            self._disturb(lane, Report(callid, action, body))

    def _disturb(self, lane: Lane, report: Report) -> None:
        if self._dice.strikes(Fault.LATE_REPORT):
            self._delayed += 1
            self._loop.call_later(
                self._dice.settings.late_seconds, self._arrive_late, report, self._generation
            )
        elif lane.held is None and self._dice.strikes(Fault.REORDERED_REPORT):
            lane.held = report
        else:
            self._put(lane, report)

    def _arrive_late(self, report: Report, generation: int) -> None:
        if generation == self._generation:
            self._delayed -= 1
            self._sender.enqueue(Lane(), report)

    def _put(self, lane: Lane, report: Report) -> None:
        self._sender.enqueue(lane, report)
        if lane.held is not None:
            held, lane.held = lane.held, None
            self._sender.enqueue(lane, held)

    def finish(self, lane: Lane) -> None:
        """The call has nothing more to report: a report still held goes out now."""
        if lane.held is not None:
            held, lane.held = lane.held, None
            self._sender.enqueue(lane, held)

    def clear(self) -> None:
        """Forget every report that is still to be delivered."""
        self._sender.clear()
        self._generation += 1
        self._delayed = 0
