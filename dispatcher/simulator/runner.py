"""Runs a simulated PBX: in a thread of its own for tests and the demo, or as a process."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

import uvloop

from dispatcher.simulator.callees import Behaviour
from dispatcher.simulator.control import PREFIX, Control
from dispatcher.simulator.families import family_of
from dispatcher.simulator.faults import Fault, Faults
from dispatcher.simulator.http_server import HttpServer, Request
from dispatcher.simulator.judge import Judge
from dispatcher.simulator.outage import Outage, OutageKind
from dispatcher.simulator.settings import SimulatorSettings

T = TypeVar("T")


class _Box:
    """A PBX with its listening socket, on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: SimulatorSettings) -> None:
        self._loop = loop
        self._settings = settings
        self.pbx = family_of(settings)(loop, settings, self.restart)
        self.server = HttpServer(loop, self._handle)
        self.outage = Outage(loop, self._handle_now, lambda: self.pbx.judge, self._cut_off)
        self._control = Control(self.pbx, self)
        self._away: asyncio.Task[None] | None = None
        self._back: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        await self.server.listen(self._settings.host, self._settings.port)
        await self.pbx.listen()

    def _handle(self, request: Request) -> None:
        if request.path.startswith(PREFIX):
            self._control.handle(request)
        else:
            self.outage.pass_on(request)

    def _handle_now(self, request: Request) -> None:
        self.pbx.handle(request)

    def _cut_off(self, cut: bool) -> None:
        if cut:
            self.pbx.went_away()
        else:
            self._back = self._loop.create_task(self.pbx.listen())

    def restart(self, seconds: float, *, boot_up: bool = False) -> None:
        self.pbx.restart()
        if seconds > 0:
            # The response to the request that asked for the restart goes out before the socket closes.
            self._loop.call_later(0.01, self._go_away, seconds, boot_up)
        elif boot_up:
            self.pbx.boot_up()

    def _go_away(self, seconds: float, boot_up: bool) -> None:
        self._away = self._loop.create_task(self._be_away(seconds, boot_up))

    async def _be_away(self, seconds: float, boot_up: bool) -> None:
        self.pbx.went_away()
        await self.server.away(seconds)
        await self.pbx.listen()
        if boot_up:
            self.pbx.boot_up()

    def close(self) -> None:
        for task in (self._away, self._back):
            if task is not None:
                task.cancel()
        self.outage.close()
        self.server.close()
        self.pbx.close()


class SimulatedPbx:
    """A simulated PBX in its own thread. All methods may be called from any other thread.

    >>> with SimulatedPbx(SimulatorSettings(port=0, time_scale=0.01)) as pbx:
    ...     pbx.set_callee("31612345678", Behaviour.BUSY)
    ...     ...  # point a driver at pbx.url
    ...     pbx.wait_idle()
    ...     assert pbx.judge.over_limits() == 0
    """

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        """ValueError when the settings name a family that can not be simulated."""
        self.settings = settings or SimulatorSettings()
        family_of(self.settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._box: _Box | None = None

    def start(self) -> "SimulatedPbx":
        """Listen; OSError when the port is taken."""
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="simulated-pbx", daemon=True)
        self._thread.start()
        started.result(timeout=10)
        return self

    def _run(self, started: Future[None]) -> None:
        loop = uvloop.new_event_loop()
        box = _Box(loop, self.settings)
        try:
            loop.run_until_complete(box.listen())
        except OSError as error:
            box.close()
            loop.close()
            started.set_exception(error)
            return
        self._loop, self._box = loop, box
        loop.call_soon(started.set_result, None)
        try:
            loop.run_forever()
        finally:
            box.close()
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()

    def stop(self) -> None:
        """Stop, dropping whatever is under way."""
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
        self._loop = None

    def __enter__(self) -> "SimulatedPbx":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._running.server.port

    @property
    def url(self) -> str:
        """The base URL, as a driver is configured with it."""
        return f"http://{self.settings.host}:{self.port}"

    @property
    def report_port(self) -> int:
        """The port that reports are fetched from; 0 where they are posted."""
        return self._running.pbx.report_port

    @property
    def judge(self) -> Judge:
        """What really happened."""
        return self._running.pbx.judge

    @property
    def idle(self) -> bool:
        """No call is up, and no report is still to be delivered."""
        return self._running.pbx.idle

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Wait until every call is over and every report delivered; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self._do(lambda: self.idle):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the simulated PBX was not idle within {timeout} s")
            time.sleep(0.005)

    def set_callee(self, number: str, behaviour: Behaviour) -> None:
        """Choose what the callee of this number (or extension) does from now on."""
        self._do(lambda: self._running.pbx.callees.numbers.__setitem__(number, behaviour))

    def set_default(self, behaviour: Behaviour) -> None:
        """Choose what every callee does that has no behaviour of its own."""
        self._do(lambda: setattr(self._running.pbx.callees, "default", behaviour))

    def set_faults(self, faults: Faults) -> None:
        """Take these faults from now on, with generators started anew from their seed."""
        self._do(lambda: self._running.pbx.dice.use(faults))

    def arm(self, fault: Fault, times: int = 1) -> None:
        """Make a fault strike the next `times` times."""
        self._do(lambda: self._running.pbx.dice.arm(fault, times))

    def restart(self, seconds: float = 0.0, *, boot_up: bool = False) -> None:
        """Restart: calls, tokens and waiting reports are gone; the port refuses connections for `seconds`.

        With `boot_up` the PBX reports that it has started, to where its reports went before.
        """
        self._do(lambda: self._running.restart(seconds, boot_up=boot_up))

    def begin_outage(self, kind: OutageKind, seconds: float = 0.0, delay: float = 1.0) -> None:
        """Let the API do its work no more for `seconds`; 0: until `OutageKind.NONE` ends it.

        `delay` is how long each request takes while the API is slow.
        """
        self._do(lambda: self._running.outage.begin(kind, seconds, delay))

    def page(self, name: str, body: Mapping[str, Any]) -> None:
        """What `POST /simulator/NAME` of this family does; KeyError when it has no such page."""
        self._do(lambda: self._running.pbx.pages[name](body))

    def expire_tokens(self) -> None:
        """Every token lapses now, as after half an hour of silence."""
        self._do(self._running.pbx.expire_tokens)

    def set_trunk(self, name: str, *, down: bool) -> None:
        """Take a trunk down or bring it back; KeyError when there is none of this name."""
        self._do(lambda: self._running.pbx.set_trunk(name, down=down))

    def place_other(
        self,
        trunk: str,
        *,
        direction: str = "outbound",
        number: str = "5550100",
        extension: str = "1010",
        seconds: float = 10.0,
    ) -> str:
        """A person phones on this trunk for `seconds` (real time); the callid. RuntimeError: trunk full."""
        return self._do(lambda: self._running.pbx.place_other(trunk, direction, number, extension, seconds))

    def hang_up(self, callid: str) -> None:
        """End a live call; KeyError when there is none."""
        self._do(lambda: self._running.pbx.hang_up(callid))

    def reset(self) -> None:
        """As new, but still logged in."""
        self._do(self._running.pbx.reset)

    @property
    def _running(self) -> _Box:
        if self._box is None:
            raise RuntimeError("the simulated PBX has not been started")
        return self._box

    def _do(self, action: Callable[[], T]) -> T:
        """Run something on the simulator's thread, and wait for its result."""
        if self._loop is None:
            raise RuntimeError("the simulated PBX is not running")
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except Exception as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(timeout=10)


def serve(settings: SimulatorSettings, on_ready: Callable[[str, int], None] | None = None) -> None:
    """Run until SIGINT or SIGTERM. OSError when a port is taken.

    `on_ready` gets the base URL, and the port that reports are fetched from (0 where they are posted).
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        box = _Box(loop, settings)
        stop = asyncio.Event()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, stop.set)
        try:
            await box.listen()
            if on_ready is not None:
                on_ready(f"http://{settings.host}:{box.server.port}", box.pbx.report_port)
            await stop.wait()
        finally:
            box.close()

    uvloop.run(main())
