"""The line between the product and its PBX: to be cut, silenced, slowed down, or answered by a proxy."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.services.process import HOST

T = TypeVar("T")

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    b"502 Bad Gateway"
)
CHUNK = 65_536
SLOW_SECONDS = 0.3


class State(StrEnum):
    """What the line does now."""

    GOOD = "good"
    SLOW = "slow"
    """Every piece of an answer is held back for a while."""
    SILENT = "silent"
    """Requests arrive, and answers do not; new connections are taken and stay without an answer."""
    BROKEN_PROXY = "broken_proxy"
    """Every request is answered with 502, and none arrives."""
    CUT = "cut"
    """Connections are reset, and new ones refused."""


class Wire:
    """A TCP line from a port of its own to the PBX's. Its methods may be called from any thread."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._state = State.GOOD
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The PBX's base URL at this end of the line."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def turn(self, state: State) -> None:
        """Change what the line does; connections that are up are cut, but for a line that gets slow."""
        self._do(lambda: self._turn(state))

    def _do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _turn(self, state: State) -> None:
        before, self._state = self._state, state
        if state not in (State.SLOW, State.SILENT):
            self._reset()
        if state is State.CUT and self._server is not None:
            self._server.close()
            self._server = None
        elif before is State.CUT and state is not State.CUT:
            await self._listen()

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._state is State.BROKEN_PROXY:
                await reader.read(CHUNK)
                writer.write(BAD_GATEWAY)
                await writer.drain()
                return
            there, back = await asyncio.open_connection(HOST, self._target)
            self._writers.add(back)
            answers = asyncio.create_task(self._pass(there, writer, is_answer=True))
            self._tasks.add(answers)
            answers.add_done_callback(self._tasks.discard)
            await self._pass(reader, back, is_answer=False)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        """Carry bytes one way until either end is gone, as the state of the line lets them through."""
        try:
            while piece := await reader.read(CHUNK):
                if is_answer and self._state is State.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                if is_answer and self._state is State.SILENT:
                    continue
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
