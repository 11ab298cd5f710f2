"""What a process that dials owes the others: to say what it is dialling, and to stop without a mess."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from dispatcher.beats import Beating
from dispatcher.core import Core
from dispatcher.dialer.answer import Answer, mark_doubtful
from dispatcher.dialer.dial import Dialer
from dispatcher.domain.reasons import Reason
from dispatcher.leases import process_name
from dispatcher.store import processes
from dispatcher.store.attempts import lock_by_id
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

SILENT = timedelta(seconds=6)
"""A process that dials and has given no sign of life for so long is dead."""


class Dialing(Beating):
    """The dial role of one process.

    Every process that dials signs, every second and a half, which attempts it is dialling. So when one
    dies, the others can tell the attempts that nobody is dialling any more, and need not wait for as long as
    a slow PBX may take; the attempts' own rows, and the transactions of a dial, know nothing of it.
    """

    def __init__(self, core: Core, dialer: Dialer, name: str | None = None) -> None:
        super().__init__()
        self.name = name or process_name()
        self._core = core
        self._dialer = dialer
        self._guard = threading.Lock()
        self._under_way: set[str] = set()
        self._draining = threading.Event()

    def dial(self, *attempt_ids: str) -> None:
        """Dial claimed attempts, unless the process is draining: then the sweep sends them to another."""
        self._signed(attempt_ids, self._dialer.dial)

    def dial_at_once(self, *attempt_ids: str) -> None:
        """Dial claimed attempts as :meth:`dial` does, but many requests at once."""
        self._signed(attempt_ids, self._dialer.dial_at_once)

    def _signed(self, attempt_ids: Sequence[str], dial: Callable[..., None]) -> None:
        with self._guard:
            if self._draining.is_set():
                return
            self._under_way.update(attempt_ids)
        try:
            dial(*attempt_ids)
        finally:
            with self._guard:
                self._under_way.difference_update(attempt_ids)

    def drain(self) -> None:
        """Begin no further dial; those under way go on."""
        with self._guard:
            self._draining.set()

    def stop(self) -> None:
        """End :meth:`run`. The threads that dial are to be stopped before, as far as they can be."""
        self.drain()
        super().stop()

    def beat(self) -> None:
        """Give one sign of life."""
        try:
            with self._core.store.write() as tx:
                # The time first: whatever was begun before it, is in the list or over.
                now = self._core.clock()
                processes.sign(tx, self.name, now, self._list())
        except Exception as error:
            if not is_outage(error):
                _log.exception("this process could not give a sign of life")

    def _list(self) -> list[str]:
        with self._guard:
            return sorted(self._under_way)

    def leave(self) -> None:
        """Sign off; what the PBX has not answered by now is in doubt, and is asked for by others."""
        left = self._list()
        try:
            doubt(self._core, left, "the process was stopped before the PBX had answered")
            with self._core.store.write() as tx:
                processes.sign_off(tx, self.name)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("%d dials under way are found again by the sweep", len(left))


def doubt(core: Core, attempt_ids: Sequence[str], why: str) -> None:
    """Put attempts in doubt whose dial request has been sent, perhaps, and is waited for by nobody."""
    if not attempt_ids:
        return

    def work(tx: Connection) -> None:
        now = core.clock()
        answers = [
            Answer(case.attempt_id, case.pbx, now, reason=Reason.CONNECTION_LOST, detail=why, in_doubt=True)
            for case in lock_by_id(tx, core.ledger.requests, attempt_ids)
        ]
        mark_doubtful(tx, now, core.ledger, answers)

    core.store.transact(work)
