"""One dial, from the claimed attempt to its answer."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import Connection

from dispatcher.core import Core, write_counts
from dispatcher.dialer.answer import Answer, settle
from dispatcher.dialer.intent import Intent, Lines, begin
from dispatcher.dialer.lapsed import give_back, still_claimed
from dispatcher.dialer.speed import Speed
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import TargetKind
from dispatcher.metrics.counting import Count
from dispatcher.pbx.errors import PbxError, PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import Accepted, DialOrder, DialsTogether, Driver, Session
from dispatcher.reports import Inbox
from dispatcher.sessions import Sessions
from dispatcher.signals import Topic
from dispatcher.store.engine import is_outage
from dispatcher.store.group import Entry, GroupCommit
from dispatcher.work import carry_out

_log = logging.getLogger(__name__)

KEEP_TRYING_SECONDS = 60.0
"""So long the answer to a dial request is held while the database is away."""


STALE_SECONDS = 4.0
"""A request that could not be sent for so long after its dial was begun is not sent any more.

Others take a process for dead that shows no sign of life for six seconds, and may then find that its
call was never placed: a request that goes out after that would call a person twice.
"""

_STALE = "the process was stopped for too long before it could send the request"
_STOPPED = "the process was stopped before it could send the request"


class Dialer:
    """Dials attempts. Threads that dial at the same time share their transactions."""

    def __init__(self, core: Core, sessions: Sessions, inbox: Inbox, lines: Lines) -> None:
        self._core = core
        self._sessions = sessions
        self._inbox = inbox
        self._lines = lines
        self._speed = Speed()
        self._beginning: GroupCommit[str, Intent | None] = GroupCommit(self._begin)
        self._settling: GroupCommit[Answer, None] = GroupCommit(self._settle)

    def dial(self, *attempt_ids: str) -> None:
        """Dial claimed attempts, each once and one after the other; those in any other phase are left alone.

        A claim that is too old is given back instead: see :mod:`dispatcher.dialer.lapsed`.

        No transaction is open while the PBX is asked. Whatever interrupts a request leaves its attempt
        in doubt, since it may have been sent. Where the PBX turns out to be slow, those that have not
        been begun are handed to other threads.
        """
        rest = list(attempt_ids)
        while rest:
            together = self._speed.together
            if together == 1 and len(rest) > 1:
                self._core.messages.dial(rest[1:], urgent=False, together=1)
                del rest[1:]
            self._dial(rest[:together])
            del rest[:together]

    def dial_at_once(self, *attempt_ids: str) -> None:
        """Dial claimed attempts as :meth:`dial` does, but send their requests at once.

        For PBXs whose driver can do so: however slow they are, none of the calls waits for another.
        """
        began = time.monotonic()
        begun = sorted(self._begun(attempt_ids), key=lambda intent: intent.pbx)
        for pbx, intents in groupby(begun, key=lambda intent: intent.pbx):
            self._dial_at_once(pbx, list(intents), began + STALE_SECONDS)

    def _dial(self, attempt_ids: Sequence[str]) -> None:
        began = time.monotonic()
        begun = deque(self._begun(attempt_ids))
        answers: list[Entry[Answer, None]] = []
        try:
            while begun:
                # Whoever was stopped for so long may have been taken for dead, and its dials looked for.
                is_stale = time.monotonic() - began > STALE_SECONDS
                answer = self._unsent(begun[0], _STALE) if is_stale else self._answer(begun[0])
                answers += self._settling.offer(answer)
                begun.popleft()
        except BaseException as error:
            lost = self._doubt(begun.popleft(), Reason.CONNECTION_LOST, type(error).__name__)
            answers += self._settling.offer(lost, *(self._unsent(intent, _STOPPED) for intent in begun))
            raise
        finally:
            self._hold(answers)

    def _dial_at_once(self, pbx: str, intents: Sequence[Intent], send_by: float) -> None:
        unanswered = {intent.attempt_id: intent for intent in intents}
        answers: list[Entry[Answer, None]] = []
        try:
            for found in self._ask_together(pbx, intents, send_by):
                for answer in found:
                    del unanswered[answer.attempt_id]
                answers += self._settling.offer(*found)
        except BaseException as error:
            why = type(error).__name__
            lost = [self._doubt(intent, Reason.CONNECTION_LOST, why) for intent in unanswered.values()]
            answers += self._settling.offer(*lost)
            raise
        finally:
            self._hold(answers)

    def _begun(self, attempt_ids: Sequence[str]) -> list[Intent]:
        """The intents of those attempts that may be dialled now; none while the database is away."""
        try:
            intents = self._beginning.submit_all(attempt_ids)
        except Exception as error:
            if not is_outage(error):
                raise
            # They are still claimed, or begun without our knowing; the sweeps take up either.
            _log.warning("the database is away, attempts %s wait for the sweep", ", ".join(attempt_ids))
            return []
        return [intent for intent in intents if intent is not None]

    def _answer(self, intent: Intent) -> Answer:
        started = time.monotonic()
        answer = self._ask(intent)
        if intent.order.target is not TargetKind.USER:  # Whose phone rings before the PBX answers.
            self._speed.note(time.monotonic() - started)
        return answer

    def _ask(self, intent: Intent) -> Answer:
        try:
            came: Accepted | PbxError = self._sessions.use(
                intent.pbx, lambda driver, session: driver.dial(session, intent.order)
            )
        except PbxError as error:
            came = error
        return self._answer_of(intent, came)

    def _ask_together(self, pbx: str, intents: Sequence[Intent], send_by: float) -> Iterator[list[Answer]]:
        """What came of requests that are sent at once, some at a time.

        Those that the PBX refused because the session had ended are sent again, one by one, with the next.
        """
        orders = [intent.order for intent in intents]
        try:
            coming = self._sessions.use(
                pbx, lambda driver, session: _together(driver, session, orders, send_by)
            )
        except PbxError as error:
            yield [self._answer_of(intent, error) for intent in intents]
            return
        outdated: list[Intent] = []
        for found in coming:
            outdated += [intents[place] for place, came in found if _is_outdated(came)]
            yield [self._answer_of(intents[place], came) for place, came in found if not _is_outdated(came)]
        for intent in outdated:
            is_stale = time.monotonic() > send_by
            yield [self._unsent(intent, _STALE) if is_stale else self._ask(intent)]

    def _answer_of(self, intent: Intent, came: Accepted | PbxError) -> Answer:
        if isinstance(came, PbxInDoubt):
            return self._doubt(intent, came.reason, came.detail)
        now = self._core.clock()
        if isinstance(came, PbxError):
            return Answer(intent.attempt_id, intent.pbx, now, reason=came.reason, detail=came.detail)
        return Answer(intent.attempt_id, intent.pbx, now, callid=came.callid, seen=came.seen)

    def _doubt(self, intent: Intent, reason: Reason, detail: str) -> Answer:
        now = self._core.clock()
        return Answer(intent.attempt_id, intent.pbx, now, reason=reason, detail=detail, in_doubt=True)

    def _unsent(self, intent: Intent, why: str) -> Answer:
        """For a dial that was begun and certainly not sent, which costs nothing and is no trunk's fault."""
        now = self._core.clock()
        return Answer(intent.attempt_id, intent.pbx, now, reason=Reason.NEVER_PLACED, detail=why)

    def _hold(self, answers: Sequence[Entry[Answer, None]]) -> None:
        """Commit the answers, waiting for the database if it is away: the PBX has acted already."""
        until = time.monotonic() + KEEP_TRYING_SECONDS
        pause = 0.1
        while answers:
            try:
                self._settling.finish(answers)
                return
            except Exception as error:
                if not is_outage(error) or time.monotonic() > until:
                    raise
                answers = self._settling.offer(*(entry.item for entry in answers if entry.error is not None))
                _log.warning("the database is away, the answers of %d attempts wait", len(answers))
                time.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _begin(self, ids: Sequence[str]) -> list[Intent | None]:
        core = self._core
        intents = core.store.transact(lambda tx: self._intend(tx, ids))
        core.signals.send(Topic.EVENTS)
        self._give_back([attempt_id for attempt_id in ids if attempt_id not in intents])
        return [intents.pop(attempt_id, None) for attempt_id in ids]

    def _give_back(self, left_out: Sequence[str]) -> None:
        core = self._core
        if not left_out:
            return
        try:
            with core.store.read() as tx:
                claimed = still_claimed(tx, left_out)
            if claimed:
                carry_out(core, lambda work: give_back(work, claimed))
        except Exception as error:
            # What was begun beside them must be dialled all the same; these get another wake-up.
            if not is_outage(error):
                _log.exception("claims that are too old could not be given back")

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


def _is_outdated(came: Accepted | PbxError) -> bool:
    """Whether a request had no effect because its session had ended."""
    return isinstance(came, PbxRefused) and came.reason is Reason.TOKEN_INVALID


def _together(
    driver: Driver, session: Session, orders: Sequence[DialOrder], send_by: float
) -> Iterator[list[tuple[int, Accepted | PbxError]]]:
    if isinstance(driver, DialsTogether):
        return driver.dial_together(session, orders, send_by)
    return _one_by_one(driver, session, orders)


def _one_by_one(
    driver: Driver, session: Session, orders: Sequence[DialOrder]
) -> Iterator[list[tuple[int, Accepted | PbxError]]]:
    for place, order in enumerate(orders):
        try:
            yield [(place, driver.dial(session, order))]
        except PbxError as error:
            yield [(place, error)]
