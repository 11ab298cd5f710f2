"""Taking up what a lost wake-up, a dead process or a lost report left lying."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select

from dispatcher.core import Core, write_counts
from dispatcher.dialer.answer import Answer, mark_doubtful
from dispatcher.dialer.lapsed import LASTS
from dispatcher.domain.facts import Facts
from dispatcher.domain.pacing import ALARMS
from dispatcher.domain.reasons import Reason
from dispatcher.domain.vocabulary import Phase
from dispatcher.ledger.aftermath import Aftermath
from dispatcher.ledger.entry import News
from dispatcher.metrics.counting import Count
from dispatcher.store.attempts import Case, attempts, lock_cases
from dispatcher.store.tables import HELD, among

UNSENT = timedelta(seconds=3)
"""A claimed attempt that nobody has dialled for so long gets a second wake-up."""

LONE_BYE = timedelta(seconds=10)
"""After one BYE the call counts as ended when no other leg's BYE has come for so long."""

UNHEARD_HANG_UP = timedelta(seconds=3)
_BATCH = 500


def resend_wake_ups(core: Core) -> None:
    """Send the dial message again for attempts whose first one was lost."""
    now = core.clock()
    with core.store.read() as tx:
        rows = tx.execute(
            select(attempts.c.id, attempts.c.lane)
            .where(among(attempts.c.phase, Phase.CLAIMED), HELD)
            # One from the future was claimed before the clock was set back.
            .where(or_(attempts.c.claimed_at < now - UNSENT, attempts.c.claimed_at > now + LASTS))
            .order_by(attempts.c.claimed_at)
            .limit(_BATCH)
        ).all()
    urgent = [row.id for row in rows if row.lane == ALARMS]
    others = [row.id for row in rows if row.lane != ALARMS]
    if urgent:
        core.messages.dial(urgent, urgent=True)
    if others:
        core.messages.dial(others, urgent=False)


def resend_hang_ups(core: Core) -> None:
    """Ask again for the end of calls that were withdrawn and are still up."""
    with core.store.read() as tx:
        ids = list(
            tx.execute(
                select(attempts.c.id)
                .where(among(attempts.c.phase, Phase.UP), HELD)
                .where(attempts.c.hung_up_at < core.clock() - UNHEARD_HANG_UP)
                .limit(_BATCH)
            ).scalars()
        )
    if ids:
        core.messages.hang_up(ids)


def doubt_the_unanswered(core: Core, timeouts: Mapping[str, float]) -> None:
    """Put attempts in doubt whose dialling process died between its two commits.

    ``timeouts`` are the seconds that each PBX's dial requests may take; a process that still lives has
    answered, or given up, well before twice that time.
    """
    for pbx, seconds in timeouts.items():
        since = core.clock() - timedelta(seconds=2 * seconds + 10)
        with core.store.write() as tx:
            lost = tx.execute(
                select(attempts.c.id)
                .where(attempts.c.pbx == pbx, among(attempts.c.phase, Phase.DIALING), HELD)
                .where(attempts.c.dialed_at < since)
                .limit(_BATCH)
            ).scalars()
            now = core.clock()
            why = "the dialling process did not come back"
            answers = [
                Answer(key, pbx, now, reason=Reason.CONNECTION_LOST, detail=why, in_doubt=True)
                for key in lost
            ]
            mark_doubtful(tx, now, core.ledger, answers)


def close_after_lone_bye(core: Core) -> None:
    """End calls of which only one BYE came; with a single real party the PBX may send no second."""
    since = core.clock() - LONE_BYE
    close_attempts(
        core,
        [among(attempts.c.phase, Phase.UP), HELD, attempts.c.released_at < since],
        lambda case: True,
    )


def close_attempts(core: Core, conditions: list[ColumnElement[bool]], is_over: Callable[[Case], bool]) -> int:
    """Conclude that attempts are over, those of the conditions for which ``is_over`` holds."""
    with core.store.read() as tx:
        found = tx.execute(select(attempts.c.id).where(*conditions).limit(1)).first()
    if found is None:
        return 0

    def close(tx: Connection) -> tuple[int, Aftermath]:
        now, count = core.clock(), Count()
        cases = [case for case in lock_cases(tx, core.ledger.requests, *conditions) if is_over(case)]
        aftermath = core.ledger.enter(tx, now, [_closed(case, now) for case in cases], count)
        write_counts(tx, count)
        return len(cases), aftermath

    closed, aftermath = core.store.transact(close)
    if closed:
        core.after(aftermath)
    return closed


def _closed(case: Case, now: datetime) -> News:
    return News(case, Facts(closed_at=case.facts.released_at or now))
