"""Group commit for threads: whoever gets the turn commits for everyone who has gathered."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

REST_SECONDS = 0.004

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(Generic[Item, Result]):
    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.result: Result | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Result]):
    """Runs ``commit`` with many items at once when many threads submit at once.

    There is no thread of its own: the first thread commits its item alone and at once, and those
    that arrive meanwhile are committed together by the next. Commits begin at least ``rest`` seconds
    apart, which costs a lone item nothing and makes small groups larger, since each commit has a
    fixed price. ``commit`` returns a result for each item, in order, and
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
        self._gathered: list[_Entry[Item, Result]] = []
        self._guard = threading.Lock()

    def submit(self, item: Item) -> Result:
        """Return ``item``'s result once it is committed; raises what the commit raised."""
        entry: _Entry[Item, Result] = _Entry(item)
        with self._guard:
            self._gathered.append(entry)
        with self._turn:
            while not entry.done:
                ahead = self._next_at - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                self._next_at = time.monotonic() + self._rest
                self._run(self._take())
        if entry.error is not None:
            raise entry.error
        return entry.result  # type: ignore[return-value]

    def _take(self) -> list[_Entry[Item, Result]]:
        with self._guard:
            batch = self._gathered[: self._limit]
            del self._gathered[: self._limit]
        return batch

    def _run(self, batch: list[_Entry[Item, Result]]) -> None:
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
