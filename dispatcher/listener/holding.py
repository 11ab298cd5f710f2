"""What has been read from a stream and is not durable yet."""

import logging
import time

from dispatcher.core import Core
from dispatcher.pbx.protocol import Driver, Pulled
from dispatcher.reports import Inbox, Incoming
from dispatcher.reports.incoming import read
from dispatcher.store import inquiries, streams
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

MOST_HELD = 10_000
"""With so many bodies in hand nothing further is read: the PBX, or its TCP connection, keeps the rest."""

AT_ONCE = 500
RETRY_SECONDS = 0.5
NOTE_SECONDS = 1.0
"""Positions are stored this often; after a crash, what was read since the last one is read again."""


class Holding:
    """Holds the bodies of one stream until they are durable, and then the place they were read up to.

    The order is what keeps reports from being lost: bodies first, then, in one transaction, the position and,
    where some were missed, the demand that every open call is asked for. Whatever a crash interrupts is read
    again; repetitions are found by the inbox.
    """

    def __init__(self, core: Core, pbx: str, driver: Driver, inbox: Inbox) -> None:
        self._core = core
        self._pbx = pbx
        self._driver = driver
        self._inbox = inbox
        self._items: list[Incoming] = []
        self._position = ""
        self._noted = ""
        self._noted_at = 0.0
        self._missed = False
        self._is_away = False
        self._retry_at = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether everything is durable."""
        return not self._items and not self._missed

    @property
    def is_full(self) -> bool:
        """Whether nothing further may be read for now."""
        return len(self._items) >= MOST_HELD

    @property
    def size(self) -> int:
        """How many bodies are in hand."""
        return len(self._items)

    @property
    def has_position(self) -> bool:
        """Whether the stream can be read on later from where it was left."""
        return bool(self._position)

    def begin(self, position: str) -> None:
        """A stream has been opened after ``position``."""
        self._position = self._noted = position

    def add(self, pulled: Pulled) -> None:
        """Take in what one look at the stream brought."""
        now = self._core.clock()
        self._items += [read(self._driver, self._pbx, body, now) for body in pulled.bodies]
        self._missed = self._missed or pulled.missed
        if pulled.position:
            self._position = pulled.position

    def flush(self, *, keep_position: bool = True, at_once: bool = False) -> bool:
        """Make everything durable; False while the database is away, after which it waits a little.

        ``keep_position`` is for the process that holds the lease, ``at_once`` for the last time.
        """
        if time.monotonic() < self._retry_at and not at_once:
            return self.is_empty
        try:
            self._store_all(keep_position, at_once)
        except Exception as error:
            if not is_outage(error):
                raise
            if not self._is_away:
                _log.warning("the database is away, the reports of %s are held", self._pbx)
            self._is_away = True
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return False
        self._is_away = False
        return True

    def give_up(self) -> None:
        """Let go of bodies that can't be stored, for a reason of their own."""
        self._items.clear()
        self._missed = True

    def _store_all(self, keep_position: bool, at_once: bool) -> None:
        while self._items:
            self._inbox.take(self._items[:AT_ONCE])
            del self._items[:AT_ONCE]
        is_due = at_once or self._missed or time.monotonic() >= self._noted_at + NOTE_SECONDS
        has_moved = keep_position and self._position != self._noted
        if self._missed or (has_moved and is_due):
            self._note(has_moved)

    def _note(self, has_moved: bool) -> None:
        with self._core.store.write() as tx:
            if self._missed:
                inquiries.demand(tx, self._pbx, self._core.clock(), "reports were lost")
            if has_moved:
                streams.advance(tx, self._pbx, self._position)
        self._missed = False
        if has_moved:
            self._noted, self._noted_at = self._position, time.monotonic()
