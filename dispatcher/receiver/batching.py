"""Group commit for an event loop: write whatever has gathered, then answer all of it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dispatcher.reports import Incoming
from dispatcher.store.group import REST_SECONDS


class Batcher:
    """Gathers reports while one batch is being committed, and commits them together next.

    A lone report is committed at once. Batches begin at least ``rest`` seconds apart, so that under
    load they are not too small. One thread does the committing, so that batches do not
    compete with each other.
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
        self._gathered: list[tuple[Incoming, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Incoming) -> None:
        """Return once ``item`` is durable; raises what kept it from becoming so."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    def close(self) -> None:
        """Finish the batch that is under way."""
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._gathered:
                ahead = self._next_at - loop.time()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                self._next_at = loop.time() + self._rest
                batch, self._gathered = self._gathered[: self._limit], self._gathered[self._limit :]
                try:
                    await loop.run_in_executor(self._thread, self._commit, [item for item, _ in batch])
                except Exception as error:
                    _finish(batch, error)
                else:
                    _finish(batch, None)
        finally:
            self._running = None


def _finish(batch: Sequence[tuple[Incoming, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in batch:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
