"""The auditor's loop: look twice, mend, keep what was found, and give the all-clear when nothing is wrong."""

import logging
import threading
from collections.abc import Callable, Sequence

from dispatcher.audit.all_clear import AllClear
from dispatcher.audit.invariant import Invariant, Means
from dispatcher.audit.invariants import INVARIANTS
from dispatcher.core import Core
from dispatcher.metrics import catalogue
from dispatcher.reports import Inbox
from dispatcher.store import audits
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

LEASE = "audit"
"""The lease under which one process audits for all."""


class Auditor:
    """Looks at every invariant from time to time.

    What a single look sees may be a change that is just being made, so that only what two looks in
    a row see counts. Several auditors at once do no harm, but each would count for itself.
    """

    def __init__(
        self,
        core: Core,
        inbox: Inbox,
        all_clear: AllClear | None = None,
        *,
        is_ours: Callable[[], bool] = lambda: True,
        invariants: Sequence[Invariant] = INVARIANTS,
    ) -> None:
        """``is_ours`` says whether this process is the one that audits now."""
        self._core = core
        self._means = Means(core, inbox)
        self._all_clear = all_clear
        self._is_ours = is_ours
        self._invariants = invariants
        self._seen: dict[str, frozenset[str]] | None = None
        self._told: set[tuple[str, str]] = set()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until :meth:`stop`; without the database it waits for it."""
        while not self._stopping.wait(self._core.settings.audit.every):
            try:
                self.pass_once()
            except Exception as error:
                if is_outage(error):
                    _log.warning("the database is away, the auditor waits: %s", type(error).__name__)
                else:
                    _log.exception("the auditor's look failed and is repeated")

    def stop(self) -> None:
        """End :meth:`run` after the look that is under way."""
        self._stopping.set()

    def close(self) -> None:
        """Drop the connections that the all-clear goes over."""
        if self._all_clear is not None:
            self._all_clear.close()

    def pass_once(self) -> bool:
        """Look once at everything; whether all is clean."""
        if not self._is_ours():
            self._seen = None
            return False
        looked = {one.name: self._look(one) for one in self._invariants}
        before = self._seen
        self._seen = {name: frozenset(found or ()) for name, found in looked.items()}
        found = {
            name: [subject for subject in subjects or () if before and subject in before[name]]
            for name, subjects in looked.items()
        }
        suspicious = before is None and any(self._seen.values())
        clean = not (any(found.values()) or suspicious or None in looked.values())
        with self._core.store.write() as tx:
            audits.save(tx, self._core.clock(), found, clean=clean)
        self._tell(found)
        for one in self._invariants:
            if found[one.name]:
                self._mend(one, found[one.name])
        if clean and self._all_clear is not None:
            self._all_clear.give()
        return clean

    def _look(self, invariant: Invariant) -> Sequence[str] | None:
        """What breaks it, or None when that can't be found out."""
        try:
            with self._core.store.read() as tx:
                return invariant.look(self._core, tx)
        except Exception as error:
            if is_outage(error):
                raise
            _log.exception("%s can't be looked at", invariant.name)
            return None

    def _mend(self, invariant: Invariant, subjects: Sequence[str]) -> None:
        if invariant.mend is None:
            return
        try:
            mended = invariant.mend(self._means, subjects)
        except Exception as error:
            if is_outage(error):
                raise
            _log.exception("%s can't be mended", invariant.name)
            return
        if mended:
            _log.warning("mended %d: %s", mended, invariant.words)
            self._core.counts.add(catalogue.AUDIT_MENDED, invariant.name, by=mended)

    def _tell(self, found: dict[str, list[str]]) -> None:
        """Log what has not been logged yet."""
        now = {(name, subject) for name, subjects in found.items() for subject in subjects}
        for one in self._invariants:
            fresh = [subject for subject in found[one.name] if (one.name, subject) not in self._told]
            if fresh:
                shown = ", ".join(fresh[: audits.EXAMPLES])
                _log.warning("%s, %d times: %s: %s", one.name, len(fresh), one.words, shown)
        self._told = now
