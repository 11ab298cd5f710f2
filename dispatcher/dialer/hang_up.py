"""Ending a call that is no longer wanted."""

import logging
from collections.abc import Mapping

from sqlalchemy import Connection

from dispatcher.core import Core
from dispatcher.domain.numbers import same_number
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import PartyKind
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.pbx.errors import PbxError, PbxInDoubt
from dispatcher.pbx.protocol import Driver, HangsUp, SeesCall, SeesLiveCalls, Session
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store import doubts
from dispatcher.store.attempts import Case, lock_by_id
from dispatcher.store.engine import is_outage

_log = logging.getLogger(__name__)

_ASKED = "its end was asked for, and it can't be told from the extension's other calls"


class HangUp:
    """Asks the PBX to end an attempt's call. What ends it are the reports that follow."""

    def __init__(self, core: Core, sessions: Sessions, pbxes: Mapping[str, Pbx]) -> None:
        self._core = core
        self._sessions = sessions
        self._pbxes = pbxes

    def hang_up(self, attempt_id: str) -> None:
        """End an attempt that was marked for it, if it is still up.

        One whose dial has not been answered yet is left: the dialer asks again once it knows the
        callid, and the sweep does so later.
        """
        try:
            with self._core.store.write() as tx:
                case = self._to_end(tx, attempt_id)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("the database is away, hanging up attempt %s waits for the sweep", attempt_id)
            return
        if case is None:
            return
        try:
            self._sessions.use(case.pbx, lambda driver, session: _end(driver, session, case))
        except PbxError as error:
            if error.reason is Reason.CALL_OVER:
                return
            _log.warning("hanging up attempt %s did not work: %s", attempt_id, error)
            if self._is_once_only(case) and not isinstance(error, PbxInDoubt):
                self._ask_again_later(attempt_id)

    def _to_end(self, tx: Connection, attempt_id: str) -> Case | None:
        """The attempt, if its end is to be asked for now.

        Where that ends whatever call the extension is in, it is done once, and the call is in question from
        then on: what became of it is asked of the records. When a report shows that it is still up, the
        question is dropped, and its end is asked for again.
        """
        cases = lock_by_id(tx, self._core.ledger.requests, [attempt_id])
        if not cases or cases[0].phase is not Phase.UP or cases[0].facts.hung_up_at is None:
            return None
        [case] = cases
        if self._is_once_only(case):
            question = doubts.told(tx, [attempt_id]).get(attempt_id)
            if question is not None and question.because == _ASKED:
                return None
            doubts.drop(tx, [attempt_id])
            doubts.take_up(tx, case.pbx, [(attempt_id, _ASKED, self._core.clock())])
        return case

    def _is_once_only(self, case: Case) -> bool:
        is_to_extension = case.target.kind is TargetKind.EXTENSION
        return is_to_extension and self._pbxes[case.pbx].driver.capabilities.hangs_up_whatever

    def _ask_again_later(self, attempt_id: str) -> None:
        """Nothing was hung up, so the sweep may ask for it."""
        try:
            with self._core.store.write() as tx:
                doubts.drop(tx, [attempt_id])
        except Exception as error:
            if not is_outage(error):
                raise


def _end(driver: Driver, session: Session, case: Case) -> None:
    if not isinstance(driver, HangsUp):
        return
    if case.target.kind is TargetKind.EXTENSION:
        driver.hang_up_extension(session, case.target.digits, case.callid or "")
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
