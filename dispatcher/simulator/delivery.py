"""Sends reports to the application over plain HTTP, each call's in order, each until it is answered with 200.

A lane is the queue of one call. A connection takes the head of the next ready lane, sends it, waits for the
answer, and only then may the lane's next report go out. There is no task per call or report: connections are
asyncio protocols, and what is to be sent is bytes from the start.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from dispatcher.simulator.connection import Destination, Lane, Report, ReportConnection
from dispatcher.simulator.settings import DeliverySettings

Listener = Callable[[str, Report], None]


class ReportSender:
    """Delivers lanes over a limited number of connections, and repeats what is not acknowledged."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: DeliverySettings,
        listener: Listener,
        accepts: Sequence[str] = ("application/json",),
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`sign` makes a header line, without its end, of each body."""
        self._loop = loop
        self._accepts = accepts
        self._sign = sign
        self._settings = settings
        self._listener = listener
        self._destination: Destination | None = None
        self._head = b""
        self._ready: deque[Lane] = deque()
        self._idle: list[ReportConnection] = []
        self._connections: set[ReportConnection] = set()
        self._connecting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self.pending = 0

    @property
    def destination(self) -> Destination | None:
        """Where reports go now; None while no application is logged in."""
        return self._destination

    @property
    def version(self) -> str:
        """The version of the report format that the application asked for; empty when it asked for none."""
        return "" if self._destination is None else self._destination.version

    def direct(self, destination: Destination | None) -> None:
        """Send everything that is still to be sent to another place from now on."""
        if destination == self._destination:
            return
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        self._destination = destination
        if destination is not None:
            self._head = destination.head(self._accepts, keep_alive=self._settings.keep_alive)

    def enqueue(self, lane: Lane, report: Report) -> None:
        """Put a report at the end of its lane."""
        self.pending += 1
        lane.reports.append(report)
        if not lane.active:
            lane.active = True
            self._ready.append(lane)
            self._pump()

    def clear(self) -> None:
        """Forget every report, as a PBX that restarts does."""
        self._generation += 1
        self.pending = 0
        self._ready.clear()
        for connection in list(self._connections):
            connection.lane = None
            connection.abort()
        self._idle.clear()

    def close(self) -> None:
        """Forget every report and stop."""
        self.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()

    def _pump(self) -> None:
        while self._ready:
            if self._destination is None:
                self._drop(self._ready.popleft())
            elif self._idle:
                connection = self._idle.pop()
                if connection.open:
                    self._send(connection, self._ready.popleft())
            elif len(self._connections) + self._connecting < self._settings.connections:
                self._connecting += 1
                task = self._loop.create_task(self._connect(self._ready.popleft(), self._generation))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                return

    def _drop(self, lane: Lane) -> None:
        for report in lane.reports:
            self._listener("dropped", report)
        self.pending -= len(lane.reports)
        lane.reports.clear()
        lane.active = False

    async def _connect(self, lane: Lane, generation: int) -> None:
        destination = self._destination
        try:
            if destination is None:
                raise ConnectionError("the application has logged out")
            async with asyncio.timeout(self._settings.timeout):
                _, connection = await self._loop.create_connection(
                    lambda: ReportConnection(self, destination), destination.host, destination.port
                )
        except (OSError, TimeoutError):
            self._connecting -= 1
            if generation == self._generation:
                lane.reports[0].attempts += self._settings.gives_up
                self._failed(lane)
            self._pump()
            return
        self._connecting -= 1
        if generation != self._generation:
            connection.abort()
        elif connection.destination is not self._destination:
            connection.abort()
            self._ready.append(lane)
            self._pump()
        elif connection.open:
            self._connections.add(connection)
            self._send(connection, lane)
        else:
            self._failed(lane)

    def _send(self, connection: ReportConnection, lane: Lane) -> None:
        report = lane.reports[0]
        report.attempts += 1
        self._listener("sent", report)
        signed = b"" if self._sign is None else self._sign(report.body) + b"\r\n"
        connection.send(
            lane,
            b"%b%d\r\n%b\r\n%b" % (self._head, len(report.body), signed, report.body),
            self._loop.time(),
        )
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._settings.timeout / 4, self._sweep)

    def _sweep(self) -> None:
        """Cut connections whose report has gone unanswered for too long."""
        self._sweeper = None
        limit = self._loop.time() - self._settings.timeout
        for connection in list(self._connections):
            if connection.lane is not None and connection.since < limit:
                connection.abort()
        if self._connections:
            self._sweeper = self._loop.call_later(self._settings.timeout / 4, self._sweep)

    def answered(self, connection: ReportConnection, status: int, *, reusable: bool) -> None:
        """The application answered the report that this connection carried."""
        lane, connection.lane = connection.lane, None
        if lane is not None and status == 200:
            self._acknowledged(lane)
        elif lane is not None:
            self._failed(lane)
        if reusable and self._settings.keep_alive and connection.destination is self._destination:
            self._idle.append(connection)
        else:
            self._connections.discard(connection)
            connection.close()
        self._pump()

    def lost(self, connection: ReportConnection) -> None:
        """The connection is gone; a report under way on it counts as unanswered."""
        self._connections.discard(connection)
        lane, connection.lane = connection.lane, None
        if lane is not None:
            self._failed(lane)
        self._pump()

    def _acknowledged(self, lane: Lane) -> None:
        report = lane.reports.popleft()
        self.pending -= 1
        self._listener("acknowledged", report)
        self._next(lane)

    def _next(self, lane: Lane) -> None:
        if lane.reports:
            self._ready.append(lane)
        else:
            lane.active = False

    def _failed(self, lane: Lane) -> None:
        """Repeat the head of the lane later, or give it up."""
        report = lane.reports[0]
        self._listener("failed", report)
        if report.attempts >= self._settings.max_attempts:
            lane.reports.popleft()
            self.pending -= 1
            self._listener("given_up", report)
            self._next(lane)
        elif self._settings.keep_order_on_retry:
            self._later(lane)
        else:
            lane.reports.popleft()
            alone = Lane()
            alone.active = True
            alone.reports.append(report)
            self._later(alone)
            self._next(lane)

    def _later(self, lane: Lane) -> None:
        self._loop.call_later(self._settings.retry_interval, self._again, lane, self._generation)

    def _again(self, lane: Lane, generation: int) -> None:
        if generation == self._generation:
            self._ready.append(lane)
            self._pump()
