"""One reader of event rows for all who follow them in this process.

A thread of the process waits for wake-ups, reads what is new at most five times a second, and hands it
to every follower's queue. A follower that is too slow is cut off, and comes back with Last-Event-ID.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage
from dispatcher.store.tail import Tail

_log = logging.getLogger(__name__)

SHORTEST_WAIT = 0.2
"""Seconds between two readings: so often at most a follower hears of changes."""

TICK = 1.0
"""Seconds after which it looks without a wake-up, since wake-ups may be lost."""

MOST_WAITING = 5_000
"""Events that may wait for a slow follower."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event, ready to be sent."""

    id: int
    subject: str
    data: bytes


Render = Callable[[Connection, Sequence[Any]], list[Frame]]


class CutOff(Exception):
    """The follower was too slow, or the process is ending."""


class Follower:
    """Where one client's events wait. Made and read in the event loop, filled from the reader's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, position: int) -> None:
        self.position = position
        """Events above this id come through :meth:`take`; earlier ones are in the store."""
        self._loop = loop
        self._waiting: list[Frame] = []
        self._news = asyncio.Event()
        self._is_cut_off = False

    async def take(self, seconds: float) -> list[Frame]:
        """What has come since the last time, or nothing after ``seconds``. Raises CutOff."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return []
        if self._is_cut_off:
            raise CutOff
        self._news.clear()
        taken, self._waiting = self._waiting, []
        return taken

    def put(self, frames: list[Frame] | None) -> None:
        """Add events, or None to cut the follower off; called from the reader's thread."""
        try:
            self._loop.call_soon_threadsafe(self._put, frames)
        except RuntimeError:
            # The follower's event loop has ended, and with it the follower.
            return

    def _put(self, frames: list[Frame] | None) -> None:
        if frames is None or len(self._waiting) + len(frames) > MOST_WAITING:
            self._is_cut_off = True
            self._waiting = []
        else:
            self._waiting += frames
        self._news.set()


class Feed:
    """Follows the event rows while anybody listens. ``render`` makes frames of rows, once for all."""

    def __init__(self, core: Core, render: Render) -> None:
        self._core = core
        self._render = render
        self._tail = Tail()
        self._followers: set[Follower] = set()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[Follower]:
        """A follower of everything from now on."""
        loop = asyncio.get_running_loop()
        follower = await asyncio.to_thread(self._join, loop)
        try:
            yield follower
        finally:
            # Holding the lock is short, but a reading may be under way in it.
            await asyncio.shield(asyncio.to_thread(self._leave, follower))

    def close(self) -> None:
        """End all streams, so that the server need not wait for them, and the thread."""
        self._stopping.set()
        self._wanted.set()
        with self._guard:
            followers, self._followers = self._followers, set()
        for follower in followers:
            follower.put(None)

    def _join(self, loop: asyncio.AbstractEventLoop) -> Follower:
        with self._guard:
            if self._stopping.is_set():
                raise CutOff
            if not self._followers:
                with self._core.store.read() as tx:
                    self._tail.begin(tx, time.monotonic())
            follower = Follower(loop, self._tail.position)
            self._followers.add(follower)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
            self._wanted.set()
        return follower

    def _leave(self, follower: Follower) -> None:
        with self._guard:
            self._followers.discard(follower)
            if not self._followers and not self._stopping.is_set():
                self._wanted.clear()

    def _run(self) -> None:
        subscription = self._core.signals.subscribe(Topic.EVENTS)
        try:
            while self._wanted.wait() and not self._stopping.is_set():
                self._try_once()
                self._stopping.wait(SHORTEST_WAIT)
                subscription.wait(TICK)
        finally:
            subscription.close()

    def _try_once(self) -> None:
        try:
            with self._guard:
                self._read()
        except Exception as error:
            if is_outage(error):
                _log.warning("the database is away, followers wait for it: %s", type(error).__name__)
            else:
                _log.exception("reading events failed and is tried again")

    def _read(self) -> None:
        """Hand on everything new. Within the lock, so that joining finds a settled position."""
        while self._followers and not self._stopping.is_set():
            with self._core.store.read() as tx:
                rows = self._tail.read(tx, time.monotonic())
                frames = self._render(tx, rows) if rows else []
            if not frames:
                return
            for follower in self._followers:
                follower.put(frames)
