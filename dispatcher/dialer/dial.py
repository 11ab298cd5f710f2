"""One dial, from the claimed attempt to its answer."""

import logging
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.dialer.answer import Answer, settle
from dispatcher.dialer.intent import Intent, Lines, begin
from dispatcher.domain.reasons import Reason
from dispatcher.metrics.counting import Count
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.reports import Inbox
from dispatcher.sessions import Sessions
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage
from dispatcher.store.group import GroupCommit

_log = logging.getLogger(__name__)

KEEP_TRYING_SECONDS = 60.0
"""So long the answer to a dial request is held while the database is away."""


class Dialer:
    """Dials attempts. Threads that dial at the same time share their transactions."""

    def __init__(self, core: Core, sessions: Sessions, inbox: Inbox, lines: Lines) -> None:
        self._core = core
        self._sessions = sessions
        self._inbox = inbox
        self._lines = lines
        self._beginning: GroupCommit[str, Intent | None] = GroupCommit(self._begin)
        self._settling: GroupCommit[Answer, None] = GroupCommit(self._settle)

    def dial(self, attempt_id: str) -> None:
        """Dial a claimed attempt, once. An attempt in any other phase is left alone.

        No transaction is open while the PBX is asked. Whatever interrupts the request leaves the
        attempt in doubt, since it may have been sent.
        """
        try:
            intent = self._beginning.submit(attempt_id)
        except Exception as error:
            if not is_outage(error):
                raise
            # It is still claimed, or begun without our knowing; the sweeps take up either.
            _log.warning("the database is away, attempt %s waits for the sweep", attempt_id)
            return
        if intent is None:
            return
        try:
            answer = self._ask(intent)
        except BaseException as error:
            self._hold(self._doubt(intent, Reason.CONNECTION_LOST, type(error).__name__))
            raise
        self._hold(answer)

    def _ask(self, intent: Intent) -> Answer:
        try:
            accepted = self._sessions.use(
                intent.pbx, lambda driver, session: driver.dial(session, intent.order)
            )
        except PbxRefused as error:
            return Answer(
                intent.attempt_id, intent.pbx, self._core.clock(), reason=error.reason, detail=error.detail
            )
        except PbxInDoubt as error:
            return self._doubt(intent, error.reason, error.detail)
        now = self._core.clock()
        return Answer(intent.attempt_id, intent.pbx, now, callid=accepted.callid, seen=accepted.seen)

    def _doubt(self, intent: Intent, reason: Reason, detail: str) -> Answer:
        now = self._core.clock()
        return Answer(intent.attempt_id, intent.pbx, now, reason=reason, detail=detail, in_doubt=True)

    def _hold(self, answer: Answer) -> None:
        """Commit the answer, waiting for the database if it is away: the PBX has acted already."""
        until = time.monotonic() + KEEP_TRYING_SECONDS
        pause = 0.1
        while True:
            try:
                self._settling.submit(answer)
                return
            except Exception as error:
                if not is_outage(error) or time.monotonic() > until:
                    raise
                _log.warning("the database is away, the answer of attempt %s waits", answer.attempt_id)
                time.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _begin(self, ids: Sequence[str]) -> list[Intent | None]:
        core = self._core
        intents = core.store.transact(lambda tx: self._intend(tx, ids))
        core.signals.send(Topic.EVENTS)
        return [intents.pop(attempt_id, None) for attempt_id in ids]

    def _intend(self, tx: Connection, ids: Sequence[str]) -> dict[str, Intent]:
        count = Count()
        intents = begin(tx, self._core.clock(), ids, self._lines, self._core.ledger.requests, count)
        write_counts(tx, count)
        return intents

    def _settle(self, answers: Sequence[Answer]) -> list[None]:
        core = self._core
        aftermath = core.store.transact(lambda tx: settle(tx, core.clock(), answers, core.ledger))
        core.after(aftermath)
        # The commit first, then the look: the inbox does the same, so that neither misses the other.
        for pbx in {answer.pbx for answer in answers}:
            callids = {item.callid for item in answers if item.pbx == pbx and item.callid}
            if callids:
                self._inbox.revisit(pbx, callids)
            if any(item.in_doubt for item in answers if item.pbx == pbx):
                self._inbox.revisit(pbx)
        return [None] * len(answers)
