"""Group commit for an event loop: write whatever has gathered, then answer all of it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dispatcher.reports import Incoming
from dispatcher.store.group import FEW, REST_SECONDS

Done = Callable[[Exception | None], None]
"""Called in the event loop once an item is durable, or with what kept it from becoming so."""


class Batcher:
    """Gathers reports while one batch is being committed, and commits them together next.

    A lone report is committed at once. After a batch of more than a few the next begins ``rest`` seconds
    later than that one at the earliest, so that under load they are not too small. One thread does the
    committing, so that batches do not compete with each other; all else happens in the event loop.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Incoming]], None],
        *,
        rest: float = REST_SECONDS,
        limit: int = 500,
    ) -> None:
        self._commit = commit
        self._rest = rest
        self._next_at = 0.0
        self._limit = limit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox")
        self._gathered: list[tuple[Incoming, Done]] = []
        self._is_running = False

    def submit(self, item: Incoming, done: Done) -> None:
        """Have ``item`` made durable, with all that are submitted before the next batch begins."""
        self._gathered.append((item, done))
        if not self._is_running:
            self._is_running = True
            self._go_on(asyncio.get_running_loop())

    def close(self) -> None:
        """Finish the batch that is under way."""
        self._thread.shutdown(wait=True)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        ahead = self._next_at - loop.time()
        if ahead > 0:
            loop.call_later(ahead, self._begin, loop)
        else:
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._gathered = self._gathered[: self._limit], self._gathered[self._limit :]
        self._next_at = loop.time() + (self._rest if len(batch) > FEW else 0.0)
        self._thread.submit(self._run, loop, batch)

    def _run(self, loop: asyncio.AbstractEventLoop, batch: Sequence[tuple[Incoming, Done]]) -> None:
        failure: Exception | None = None
        try:
            self._commit([item for item, _ in batch])
        except Exception as error:
            failure = error
        loop.call_soon_threadsafe(self._finish, loop, batch, failure)

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[tuple[Incoming, Done]],
        failure: Exception | None,
    ) -> None:
        for _, done in batch:
            done(failure)
        if self._gathered:
            self._go_on(loop)
        else:
            self._is_running = False
