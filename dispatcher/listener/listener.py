"""One PBX's stream of reports: opened, read, and opened anew, by the process that holds its lease."""

import logging
import random
import threading
import time
from dataclasses import replace
from datetime import datetime

from dispatcher.core import Core
from dispatcher.leases import Leases
from dispatcher.listener.holding import Holding
from dispatcher.listener.opening import note_failure, why_not
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import PullsReports, ReportStream
from dispatcher.reports import Inbox
from dispatcher.sessions import Pbx
from dispatcher.signals import Topic
from dispatcher.store import attempts, inquiries, sessions, streams
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
_LOOK_SECONDS = 0.25
_AFTER_TROUBLE = 1.0


class Listener:
    """Reads the reports of a PBX that does not post them.

    Any number of processes may have one for the same PBX: the lease says which of them reads. Reports
    are acknowledged to nobody, so that what is lost on the way to the store is known by the stream's
    position, where the family has one; else every open call is asked for.
    """

    def __init__(self, core: Core, pbx: Pbx, inbox: Inbox, leases: Leases) -> None:
        if not isinstance(pbx.driver, PullsReports):
            raise TypeError(f"the family of {pbx.account.name} posts its reports")
        self._core = core
        self._account = pbx.account
        self._name = pbx.account.name
        self._driver: PullsReports = pbx.driver
        self._leases = leases
        self._lease = streams.lease_of(self._name)
        self._holding = Holding(core, self._name, pbx.driver, inbox)
        self._stopping = threading.Event()
        self._leave_by = 0.0
        self._guard = threading.Lock()
        self._stream: ReportStream | None = None
        self._failures = 0
        self.trouble = ""
        """Why the reports can't be read, as it was last logged; empty while they are."""
        self._unread_since: datetime | None = None
        leases.want(self._lease)

    def run(self) -> None:
        """Work until :meth:`stop`; survives whatever the PBX and the database do."""
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception as error:
                if is_outage(error):
                    _log.warning("the database is away, the reports of %s wait for it", self._name)
                else:
                    _log.exception("reading the reports of %s failed and is tried again", self._name)
                    self._holding.give_up()
                self._stopping.wait(_AFTER_TROUBLE)
        self._finish()

    def leave_by(self, at: float) -> None:
        """Say, before :meth:`stop`, until when it may go on reading; ``at`` is of the monotonic clock."""
        self._leave_by = at

    def stop(self) -> None:
        """Break the stream off, so that :meth:`run` ends once what was read is durable.

        Where the PBX keeps nothing for whoever reads next, it is read on while calls are up, though not
        longer than :meth:`leave_by` allows: a key that is pressed meanwhile would be lost for good.
        """
        while time.monotonic() < self._leave_by and self._is_needed():
            time.sleep(_LOOK_SECONDS)
        self._stopping.set()
        with self._guard:
            stream = self._stream
        if stream is not None:
            stream.close()

    def _is_needed(self) -> bool:
        """Whether reports would be lost if nobody read them now."""
        if self._stream is None or self._holding.has_position or not self._leases.holds(self._lease):
            return False
        try:
            with self._core.store.read() as tx:
                return attempts.any_up(tx, self._name)
        except Exception as error:
            _log.warning("the calls of %s can't be seen: %s", self._name, type(error).__name__)
            return False

    def _turn(self) -> None:
        """Read until the stream breaks off or another process has the lease."""
        mine = self._leases.holds(self._lease)
        if not self._holding.is_empty and not self._holding.flush(keep_position=mine):
            self._stopping.wait(_LOOK_SECONDS)
            return
        if not mine:
            self._stopping.wait(_LOOK_SECONDS)
            return
        position = self._place()
        if position is None:
            self._stopping.wait(_AFTER_TROUBLE)
            return
        try:
            stream = self._driver.open_reports(position)
        except PbxError as error:
            self._note_loss(error)
            return
        try:
            self._read(self._entrusted(stream), position)
        except PbxError as error:
            self._note_loss(error)
        finally:
            with self._guard:
                self._stream = None
            stream.close()

    def _place(self) -> str | None:
        """Where to go on reading; None when the stream is not to be tried now.

        Whoever read it last may have died without a note: the lease is ours by now, and nobody reads yet.
        """
        with self._core.store.read() as tx:
            row = streams.of_pbx(tx, self._name)
            session = sessions.of_pbx(tx, self._name)
        self._unread_since = row.lost_at or row.connected_at
        if row.connected_at is not None and row.lost_at is None:
            with self._core.store.write() as tx:
                streams.close(tx, self._name, self._core.clock())
        hopeless = why_not(row, session, self._account, self._core.clock())
        if not hopeless:
            return str(row.position)
        self._say(hopeless)
        return None

    def _entrusted(self, stream: ReportStream) -> ReportStream:
        """The stream, which :meth:`stop` can close from now on."""
        with self._guard:
            self._stream = stream
        if self._stopping.is_set():
            stream.close()
        return stream

    def _read(self, stream: ReportStream, position: str) -> None:
        """Read until another process is known to read.

        While the database is away nobody can take over, and what the PBX tells once only would be lost.
        """
        self._holding.begin(position)
        if not position:
            # Nobody can say what was sent before, so all that is open is asked for, at once.
            self._note_opening(missed=True)
        is_first = True
        while not self._stopping.is_set() and not self._leases.is_lost(self._lease):
            mine = self._leases.holds(self._lease)
            if self._holding.is_full and not self._holding.flush(keep_position=mine):
                self._stopping.wait(_LOOK_SECONDS)
                continue
            pulled = stream.read()
            self._failures, self.trouble = 0, ""
            if is_first and position:
                self._note_opening(missed=False)
            elif is_first:
                pulled = replace(pulled, missed=False)  # It has just been asked for.
            is_first = False
            self._holding.add(pulled)
            self._holding.flush(keep_position=self._leases.holds(self._lease))

    def _note_opening(self, *, missed: bool) -> None:
        now = self._core.clock()
        with self._core.store.write() as tx:
            streams.opened(tx, self._name, now)
            if missed:
                why = f"its reports were not read from {self._unread_since or now:%H:%M:%S} UTC on"
                inquiries.demand(tx, self._name, now, why)
        self._core.signals.send(Topic.PACER)  # Calls have waited for it.
        _log.info("reading the reports of %s", self._name)

    def _note_loss(self, error: PbxError) -> None:
        if self._stopping.is_set():
            return
        self._say(str(error))
        note_failure(self._core.store, self._account, self._core.clock(), error)
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        # Listeners of several processes or PBXs that lost their streams together do not return together.
        self._stopping.wait(pause * random.uniform(0.5, 1.5))

    def _say(self, problem: str) -> None:
        """Log a problem once, not at every try."""
        if problem != self.trouble:
            _log.warning("the reports of %s can't be read: %s", self._name, problem)
            self.trouble = problem

    def _finish(self) -> None:
        """Make durable what has been read, if the database is there, and say that nobody reads now."""
        mine = self._leases.holds(self._lease)
        try:
            if not self._holding.flush(keep_position=mine, at_once=True):
                _log.warning("%d reports of %s could not be stored", self._holding.size, self._name)
            elif mine:
                with self._core.store.write() as tx:
                    streams.close(tx, self._name, self._core.clock())
        except Exception as error:
            _log.warning("the end of %s's reports was not noted: %s", self._name, type(error).__name__)
