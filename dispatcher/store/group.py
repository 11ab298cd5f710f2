"""Group commit for threads: whoever gets the turn commits for everyone who has gathered."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

REST_SECONDS = 0.004

FEW = 2
"""A group of no more than these is not followed by a rest: what comes after it may well depend on it."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Entry(Generic[Item, Result]):
    """One submitted item: not ``done`` yet, or with its ``result``, or with the ``error`` of its commit."""

    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.result: Result | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Result]):
    """Runs ``commit`` with many items at once when many threads submit at once.

    There is no thread of its own: the first thread commits its item alone and at once, and those
    that arrive meanwhile are committed together by the next. After a commit of more than a few items the next
    begins ``rest`` seconds later than that one at the earliest: where many submit, that makes groups larger,
    since each commit has a fixed price. ``commit`` returns a result for each item, in order, and
    raises only when none of them was committed.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        rest: float = REST_SECONDS,
        limit: int = 500,
    ) -> None:
        self._commit = commit
        self._rest = rest
        self._next_at = 0.0
        self._limit = limit
        self._turn = threading.Lock()
        self._gathered: list[Entry[Item, Result]] = []
        self._guard = threading.Lock()

    def submit(self, item: Item) -> Result:
        """Return ``item``'s result once it is committed; raises what the commit raised."""
        return self.submit_all([item])[0]

    def submit_all(self, items: Sequence[Item]) -> list[Result]:
        """Return the results of ``items`` once all are committed; raises what a commit raised."""
        entries: list[Entry[Item, Result]] = [Entry(item) for item in items]
        with self._guard:
            self._gathered += entries
        return self.finish(entries)

    def offer(self, *items: Item) -> list[Entry[Item, Result]]:
        """Submit without waiting: commits here and now if nobody else does and the rest is over.

        Whoever offers must :meth:`finish` what they have offered, else it may never be committed.
        """
        entries: list[Entry[Item, Result]] = [Entry(item) for item in items]
        with self._guard:
            self._gathered += entries
        if time.monotonic() >= self._next_at and self._turn.acquire(blocking=False):
            try:
                self._turn_over(self._take())
            finally:
                self._turn.release()
        return entries

    def finish(self, entries: Sequence[Entry[Item, Result]]) -> list[Result]:
        """Return the results of submitted entries once all are committed; raises what a commit raised."""
        for entry in entries:
            if not entry.done:
                self._wait_for(entry)
        for entry in entries:
            if entry.error is not None:
                raise entry.error
        return [entry.result for entry in entries]  # type: ignore[misc]

    def _wait_for(self, entry: Entry[Item, Result]) -> None:
        with self._turn:
            while not entry.done:
                ahead = self._next_at - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                self._turn_over(self._take())

    def _turn_over(self, batch: list[Entry[Item, Result]]) -> None:
        self._next_at = time.monotonic() + (self._rest if len(batch) > FEW else 0.0)
        self._run(batch)

    def _take(self) -> list[Entry[Item, Result]]:
        with self._guard:
            batch = self._gathered[: self._limit]
            del self._gathered[: self._limit]
        return batch

    def _run(self, batch: list[Entry[Item, Result]]) -> None:
        if not batch:
            return
        try:
            results = self._commit([entry.item for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.result = result
        except BaseException as error:
            for entry in batch:
                entry.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for entry in batch:
                entry.done = True
