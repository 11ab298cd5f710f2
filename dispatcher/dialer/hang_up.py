"""Ending a call that is no longer wanted."""

import logging

from dispatcher.core import Core
from dispatcher.domain.numbers import same_number
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.pbx.errors import PbxError
from dispatcher.pbx.protocol import Driver, HangsUp, SeesCall, SeesLiveCalls, Session
from dispatcher.sessions import Sessions
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)


class HangUp:
    """Asks the PBX to end an attempt's call. What ends it are the reports that follow."""

    def __init__(self, core: Core, sessions: Sessions) -> None:
        self._core = core
        self._sessions = sessions

    def hang_up(self, attempt_id: str) -> None:
        """End an attempt that was marked for it, if it is still up.

        One whose dial has not been answered yet is left: the dialer asks again once it knows the
        callid, and the sweep does so later.
        """
        try:
            with self._core.store.write() as tx:
                cases = lock_by_id(tx, self._core.ledger.requests, [attempt_id])
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the database is away, hanging up attempt %s waits for the sweep", attempt_id)
            return
        if not cases:
            return
        case = cases[0]
        if case.phase is not Phase.UP or case.facts.hung_up_at is None:
            return
        try:
            self._sessions.use(case.pbx, lambda driver, session: _end(driver, session, case))
        except PbxError as error:
            if error.reason is not Reason.CALL_OVER:
                _log.warning("hanging up attempt %s did not work: %s", attempt_id, error)


def _end(driver: Driver, session: Session, case: Case) -> None:
    if not isinstance(driver, HangsUp):
        return
    if case.target.kind is TargetKind.EXTENSION:
        driver.hang_up_extension(session, case.target.digits)
        return
    leg = case.facts.leg or find_leg(driver, session, case)
    if leg:
        driver.hang_up_leg(session, leg)


def find_leg(driver: Driver, session: Session, case: Case) -> str:
    """The leg's id from the list of live calls, or from the call itself, when no report has named it yet."""
    if not isinstance(driver, SeesLiveCalls):
        if not isinstance(driver, SeesCall) or not case.callid:
            return ""
        shown = driver.live_call(session, case.callid)
        return shown.leg if shown is not None else ""
    for live in driver.live_calls(session):
        if live.direction is not PartyKind.OUTBOUND:
            continue
        if live.callid == case.callid or (not live.callid and same_number(case.target.digits, live.number)):
            return live.leg
    return ""
