"""Putting a call through to somebody else."""

import logging
from collections.abc import Mapping

from dispatcher.core import Core
from dispatcher.dialer.hang_up import find_leg
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.lines import Line
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Driver, Session, TransferOrder, Transfers
from dispatcher.sessions import Sessions
from dispatcher.store import transfers
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.engine import is_outage
from dispatcher.store.transfers import Wanted

_log = logging.getLogger(__name__)


class Transfer:
    """Asks the PBX to put an attempt's call through, once for each time that somebody wanted it."""

    def __init__(self, core: Core, sessions: Sessions, lines: Mapping[tuple[str, str], Line]) -> None:
        self._core = core
        self._sessions = sessions
        self._lines = lines

    def put_through(self, attempt_id: str) -> None:
        """Put an attempt's call through, as was asked for last, unless somebody has done so already.

        The asking is a person's: one that finds no worker or no database is not made up for later.
        """
        try:
            taken = self._take_up(attempt_id)
            if taken is None:
                return
            why = self._ask(*taken)
            self._note(*taken, why)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the database is away, putting attempt %s through is not noted", attempt_id)

    def _take_up(self, attempt_id: str) -> tuple[Case, Wanted] | None:
        with self._core.store.write() as tx:
            for case in lock_by_id(tx, self._core.ledger.requests, [attempt_id]):
                wanted = transfers.take_up(tx, self._core.clock(), case)
                if wanted is not None:
                    return case, wanted
        return None

    def _ask(self, case: Case, wanted: Wanted) -> str:
        """Why it was not done; empty when it was."""
        if case.phase is not Phase.UP:
            return "the call is over"
        try:
            self._sessions.use(
                case.pbx, lambda driver, session: self._put_through(driver, session, case, wanted)
            )
        except PbxInDoubt as doubt:
            return f"nobody knows whether the PBX has done it: {doubt}"
        except PbxError as error:
            return "the call is over" if error.reason is Reason.CALL_OVER else str(error)
        return ""

    def _put_through(self, driver: Driver, session: Session, case: Case, wanted: Wanted) -> None:
        if not isinstance(driver, Transfers):
            raise PbxRefused(Reason.UNSUPPORTED, "calls can't be put through")
        leg = case.facts.leg or find_leg(driver, session, case)
        if not leg:
            raise PbxRefused(Reason.CALL_OVER, "the PBX does not show the call")
        driver.transfer(session, self._order(leg, case, wanted))

    def _order(self, leg: str, case: Case, wanted: Wanted) -> TransferOrder:
        """An outside number goes over the call's own trunk; a call without one takes the PBX's first."""
        of_pbx = sorted(
            (line for line in self._lines.values() if line.pbx == case.pbx and not line.is_internal),
            key=lambda line: (line.trunk != case.trunk, line.rank),
        )
        line = next(iter(of_pbx), None)
        if wanted.kind is TargetKind.EXTENSION or line is None:
            return TransferOrder(leg, wanted.kind, wanted.to, line.extension if line is not None else "")
        digits = line.prefix + line.digits(wanted.to)
        return TransferOrder(leg, wanted.kind, digits, line.extension, line.trunk)

    def _note(self, case: Case, wanted: Wanted, why: str) -> None:
        with self._core.store.write() as tx:
            now = self._core.clock()
            if why:
                transfers.failed(tx, now, case, why)
            else:
                transfers.done(tx, now, case, wanted)
        if why:
            _log.warning("attempt %s was not put through: %s", case.attempt_id, why)
