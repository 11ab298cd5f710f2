"""The circuit breaker of a trunk: failures of its own in a row block it, and one call tries it afterwards."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal, or_, select, update

from dispatcher.domain.facts import Facts
from dispatcher.domain.reasons import OF_THE_LINE, Reason
from dispatcher.domain.retry import COSTS_NOTHING, backoff
from dispatcher.domain.vocabulary import Outcome
from dispatcher.store import events
from dispatcher.store.attempts import Case
from dispatcher.store.events import Change
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import HELD, Attempt, Trunk, table

_trunks = table(Trunk)
_attempts = table(Attempt)

FAILURES_TO_BLOCK = 5
"""So many failures of the trunk's own in a row open its circuit breaker."""

BLOCK_SECONDS = 10.0
"""The first block's length; it doubles with every further failure, up to the longest back-off."""

COUNTED_ONCE = timedelta(minutes=10)
"""So long a number's failures count as one, which is longer than the longest back-off of its redials."""

_SAYS_NOTHING = (Outcome.CANCELLED, Outcome.UNKNOWN, Outcome.NOT_PERMITTED)
"""Outcomes that tell neither that a trunk works nor that it does not."""

_OF_THE_PBX = (Reason.PBX_AWAY, Reason.CREDENTIALS_REFUSED, Reason.LOCKED_OUT, Reason.TOKEN_INVALID)
"""The failures that keep a PBX's extensions from being called; others are one extension's own."""


def is_tried_out(row: Any, now: datetime) -> bool:
    """Whether a trunk's block is over, and no call has shown yet that it works again."""
    return row.failures_in_row >= FAILURES_TO_BLOCK and not (row.blocked_until and row.blocked_until > now)


_SINCE_BLOCK = (
    HELD,
    _attempts.c.pbx == bindparam("of_pbx"),
    _attempts.c.trunk == bindparam("of_name"),
    _attempts.c.claimed_at >= bindparam("since"),
)
_TRYING = select(func.count()).select_from(_attempts).where(*_SINCE_BLOCK)
_RINGS = (
    select(_attempts.c.id)
    .where(*_SINCE_BLOCK, or_(_attempts.c.ringing_at.is_not(None), _attempts.c.answered_at.is_not(None)))
    .limit(1)
)


def _since_block(row: Any) -> dict[str, Any]:
    return {"of_pbx": row.pbx, "of_name": row.name, "since": row.blocked_until}


def trying(tx: Connection, row: Any) -> int:
    """How many calls are under way that try a trunk out since its block."""
    return int(tx.execute(_TRYING, _since_block(row)).scalar_one())


def rings(tx: Connection, row: Any) -> bool:
    """Whether one of the calls that try a trunk out has reached a phone."""
    return tx.execute(_RINGS, _since_block(row)).first() is not None


_IN_TROUBLE = Prepared(select(_trunks).where(_trunks.c.failures_in_row > literal(0)))


def note_outcomes(tx: Connection, now: datetime, cases: Iterable[Case]) -> None:
    """Open and close the trunks' circuit breakers by what became of their attempts.

    A failure of the trunk's own counts; anything that shows the trunk working starts the count
    anew, and so does a phone that rang. Trunks without a count are not touched, so that dialling
    never waits for this row.
    """
    failed: dict[tuple[str, str], list[Case]] = {}
    worked: set[tuple[str, str]] = set()
    for case in cases:
        if case.outcome in COSTS_NOTHING and case.facts.ringing_at is None:
            if (case.trunk or case.facts.cause in _OF_THE_PBX) and not _was_not_sent(case.facts):
                failed.setdefault((case.pbx, case.trunk), []).append(case)
        elif case.outcome is not None and case.outcome not in _SAYS_NOTHING:
            worked.add((case.pbx, case.trunk))
    if not (failed or worked):
        return
    in_trouble = {(row.pbx, row.name): row for row in _IN_TROUBLE.all(tx)} if worked else {}
    for trunk in sorted(worked | failed.keys()):
        if trunk not in worked:
            _note_failures(tx, now, *trunk, failed[trunk])
        elif trunk in in_trouble:
            close(tx, now, in_trouble[trunk], "a call went through")


def _was_not_sent(facts: Facts) -> bool:
    """Whether we ourselves did not send the request: that is known at once, and says nothing of the trunk."""
    return facts.cause is Reason.NEVER_PLACED and facts.failed_at is not None


def close(tx: Connection, now: datetime, row: Any, why: str) -> None:
    """Count a trunk's failures anew, and open it again, because it works."""
    of_trunk = and_(_trunks.c.pbx == row.pbx, _trunks.c.name == row.name, _trunks.c.failures_in_row > 0)
    changed = tx.execute(
        update(_trunks).where(of_trunk).values(failures_in_row=0, blocked_until=None, blocked_why="")
    )
    if changed.rowcount and row.failures_in_row >= FAILURES_TO_BLOCK:
        events.record(tx, now, [changed_health(row.pbx, row.name, "unblocked", why)])


def changed_health(pbx: str, name: str, word: str, why: str) -> Change:
    """An event of a trunk's health: ``blocked``, ``trying``, ``unblocked``, ``down`` or ``up``."""
    return Change("trunk", f"{pbx}/{name}", word, why, data={"pbx": pbx, "trunk": name})


def _note_failures(tx: Connection, now: datetime, pbx: str, name: str, cases: Sequence[Case]) -> None:
    """Count failures of a trunk's own, and block it when there are too many.

    While it is blocked nothing is counted: those calls were under way when the block began. After
    that it takes one failure, of a call that was to try it out, to block it again for twice as long.
    Until it is blocked each number counts once, however often it is dialled: it may be at fault itself. Where
    several fail and nothing gets through for long, each time counts: few people may be on call.
    """
    of_trunk = and_(_trunks.c.pbx == pbx, _trunks.c.name == name)
    known = select(_trunks.c.failures_in_row, _trunks.c.blocked_until).where(of_trunk).with_for_update()
    row = tx.execute(known).one_or_none()
    if row is None or (row.blocked_until is not None and row.blocked_until > now):
        return
    was_blocked = row.failures_in_row >= FAILURES_TO_BLOCK
    if was_blocked and all(row.blocked_until and case.claimed_at < row.blocked_until for case in cases):
        return
    if was_blocked:
        in_row = row.failures_in_row + 1
    else:
        counted = _counted(tx, now, cases, is_first=row.failures_in_row == 0)
        in_row = min(row.failures_in_row + counted, FAILURES_TO_BLOCK)
    values: dict[str, Any] = {"failures_in_row": in_row}
    if in_row >= FAILURES_TO_BLOCK:
        facts = cases[-1].facts
        until = now + timedelta(seconds=backoff(BLOCK_SECONDS, in_row - FAILURES_TO_BLOCK + 1))
        why = f"{in_row} failures in a row, the last: {facts.cause_text or facts.cause}"
        values |= {"blocked_until": until, "blocked_why": why}
        cause = f"until {until:%H:%M:%S} UTC after {why}"
        events.record(tx, now, [changed_health(pbx, name, "blocked", cause)])
    tx.execute(update(_trunks).where(of_trunk).values(**values))


def _counted(tx: Connection, now: datetime, cases: Sequence[Case], *, is_first: bool) -> int:
    """How many failures these are of a trunk, or of its PBX, and not of one number again."""
    numbers = {case.target.digits for case in cases if case.facts.cause in OF_THE_LINE}
    others = sum(case.facts.cause not in OF_THE_LINE for case in cases)
    if is_first or not numbers:
        return others + len(numbers)
    [(pbx, trunk)] = {(case.pbx, case.trunk) for case in cases}
    known = tx.execute(
        select(_attempts.c.digits_dialled)
        .distinct()
        .where(
            _attempts.c.pbx == pbx,
            _attempts.c.trunk == trunk,
            _attempts.c.freed_at > now - COUNTED_ONCE,
            _attempts.c.cause.in_(sorted(OF_THE_LINE)),
            _attempts.c.digits_dialled.in_(sorted(numbers)),
            _attempts.c.id.not_in([case.attempt_id for case in cases]),
        )
    )
    again = numbers.intersection(known.scalars())
    if again and not _lets_nobody_through(tx, now, pbx, trunk):
        numbers -= again
    return others + len(numbers)


_GOT_THROUGH = _attempts.c.outcome.not_in(sorted([*COSTS_NOTHING, *_SAYS_NOTHING]))
_WORKED = or_(_attempts.c.ringing_at.is_not(None), _GOT_THROUGH)
_FAILED = and_(_attempts.c.cause.in_(sorted(OF_THE_LINE)), _attempts.c.ringing_at.is_(None))
_LATELY = select(
    func.count().filter(_WORKED).label("worked"),
    func.count(_attempts.c.digits_dialled.distinct()).filter(_FAILED).label("numbers"),
    func.min(_attempts.c.freed_at).filter(_FAILED).label("since"),
).where(
    _attempts.c.pbx == bindparam("of_pbx"),
    _attempts.c.trunk == bindparam("of_name"),
    _attempts.c.freed_at > bindparam("after"),
)


def _lets_nobody_through(tx: Connection, now: datetime, pbx: str, name: str) -> bool:
    """Whether calls to more than one number have failed on a trunk for a while, and none has got through."""
    window = {"of_pbx": pbx, "of_name": name, "after": now - 2 * COUNTED_ONCE}
    lately = tx.execute(_LATELY, window).one()
    return not lately.worked and lately.numbers > 1 and lately.since <= now - COUNTED_ONCE
