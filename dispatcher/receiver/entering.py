"""Entering what is durable, in a thread of its own, so that no PBX waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from dispatcher.receiver.waiting import Waiting
from dispatcher.reports.incoming import Arrival
from dispatcher.store.engine import is_outage
from dispatcher.store.group import FEW

_log = logging.getLogger(__name__)

REST_SECONDS = 0.008
"""From the beginning of a batch of more than a few reports to the next batch's, at least."""

REST_SHARE = 3.0
"""After a large batch, entering rests so many times as long as the batch took, within the longest rest.

The busier the process, the more of a call's reports come in meanwhile, and to enter them together costs
little more than to enter one. And those who wait to make new reports durable get their turn.
"""

LARGE = 100
"""So many reports in one batch show that there is more to do than can be done one after the other."""

LONGEST_REST_SECONDS = 0.015
"""Longer ones make larger batches, which cost less, and leave processors idle; measured, not derived."""

MOST_REPORTS = 400
_AFTER_OUTAGE = 0.5
_MOST_WAITING = 2_000
"""Batches that wait in memory at most; beyond that they wait in the store, for the sweep."""


class Entering:
    """Enters batches in the order of their arrival, as many together as have gathered.

    A lone batch is entered at once. What is not entered when the process dies is in the store.
    """

    def __init__(self, enter: Callable[[Sequence[Arrival]], None]) -> None:
        self._enter = enter
        self._waiting = Waiting()
        self._change = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="entering", daemon=True)

    def start(self) -> None:
        """Begin to enter."""
        self._thread.start()

    def put(self, arrival: Arrival) -> None:
        """Have a durable batch entered."""
        with self._change:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.put(arrival, time.monotonic())
                self._change.notify()

    def close(self) -> None:
        """Enter what has gathered, unless the database is away, and end."""
        with self._change:
            self._is_closed = True
            self._change.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        rest_until = 0.0
        while self._wait():
            rest = rest_until - time.monotonic()
            if rest > 0 and not self._is_closed:
                time.sleep(rest)
            began = time.monotonic()
            with self._change:
                batch = self._waiting.take(MOST_REPORTS, began)
            self._try(batch)
            took, size = time.monotonic() - began, _size(batch)
            rest = min(REST_SHARE * took, LONGEST_REST_SECONDS) if size >= LARGE else 0.0
            rest_until = began + (max(REST_SECONDS, took + rest) if size > FEW else 0.0)

    def _wait(self) -> bool:
        """Wait until something is due; False when nothing waits and nothing more will come."""
        with self._change:
            while True:
                left = self._waiting.seconds_left(time.monotonic())
                if left is not None and (left <= 0 or self._is_closed):
                    return True
                if self._is_closed:
                    return False
                self._change.wait(left)

    def _try(self, batch: Sequence[Arrival]) -> None:
        """Enter a batch, again and again while the database is away; the sweep has what we give up."""
        while True:
            try:
                self._enter(batch)
                return
            except Exception as error:
                if not is_outage(error):
                    _log.exception("reports could not be entered and are left to the sweep")
                    return
                _log.warning("the database is away, %d batches of reports wait to be entered", len(batch))
            if self._is_closed:
                return
            time.sleep(_AFTER_OUTAGE)


def _size(batch: Sequence[Arrival]) -> int:
    return sum(len(arrival.items) for arrival in batch)
