"""Open calls in question, as rows: who is asked for, what was answered, and what comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, or_, select, update

from dispatcher.domain.doubt import Known, Next, Step
from dispatcher.domain.vocabulary import Phase, TargetKind
from dispatcher.store.attempts import attempts
from dispatcher.store.tables import HELD, Doubt, among, table
from dispatcher.store.upsert import insert_into

_doubts = table(Doubt)
BATCH = 500
"""So many calls come into question at a time, the oldest first."""

# An attempt that a report has taken out of doubt was never accepted, so its dial counts.
last_sign: ColumnElement[Any] = func.coalesce(
    attempts.c.prompt_ended_at,
    attempts.c.answered_at,
    attempts.c.ringing_at,
    attempts.c.accepted_at,
    attempts.c.dialed_at,
)
_OPEN = and_(HELD, among(attempts.c.phase, Phase.UP, Phase.IN_DOUBT))


@dataclass(frozen=True, slots=True)
class Silence:
    """When a call that is up counts as silent: if its last sign is older than this, by its target's kind."""

    quick: datetime
    quick_kinds: frozenset[TargetKind]
    """Those that the PBX can be asked for, so that asking early costs little."""
    slow: datetime

    def condition(self) -> ColumnElement[bool]:
        """The condition on an attempt that is up."""
        slow = last_sign < self.slow
        if not self.quick_kinds:
            return slow
        return or_(slow, and_(last_sign < self.quick, attempts.c.target_kind.in_(self.quick_kinds)))


def unquestioned(
    tx: Connection, pbx: str, silence: Silence, wanted_at: datetime | None = None
) -> Sequence[Any]:
    """Open attempts of a PBX that ought to be in question and are not yet, the oldest first.

    With ``wanted_at`` these are all that were dialled before that.
    """
    due = [among(attempts.c.phase, Phase.IN_DOUBT), silence.condition()]
    if wanted_at is not None:
        due.append(attempts.c.dialed_at <= wanted_at)
    query = (
        select(
            attempts.c.id,
            attempts.c.phase,
            attempts.c.doubted_at,
            attempts.c.cause_text,
            last_sign.label("last_sign"),
        )
        .outerjoin(_doubts, _doubts.c.attempt_id == attempts.c.id)
        .where(attempts.c.pbx == pbx, _OPEN, _doubts.c.attempt_id.is_(None), or_(*due))
        .order_by(attempts.c.claimed_at)
        .limit(BATCH)
    )
    return tx.execute(query).all()


def take_up(tx: Connection, pbx: str, questioned: Iterable[tuple[str, str, datetime]]) -> None:
    """Bring attempts into question: (attempt id, because of what, since when)."""
    rows = [
        {
            "attempt_id": key,
            "pbx": pbx,
            "because": because,
            "since": since,
            "looks": 0,
            "next_step": Step.LOOK,
            "next_at": since,
            "why": "",
        }
        for key, because, since in questioned
    ]
    if rows:
        tx.execute(insert_into(tx, _doubts).on_conflict_do_nothing(index_elements=["attempt_id"]), rows)


def hasten(tx: Connection, pbx: str, now: datetime) -> None:
    """Let every call that is in question be asked for at once."""
    tx.execute(
        update(_doubts)
        .where(_doubts.c.pbx == pbx, _doubts.c.next_at > now, among(_doubts.c.next_step, Step.LOOK))
        .values(next_at=now)
    )


# A CallFailed ends its attempt unless it tells of somebody to whom the call went on.
_FAILED_AT = case((among(attempts.c.phase, Phase.ENDED), attempts.c.failed_at))
_IN_QUESTION = (
    select(
        _doubts,
        attempts.c.phase,
        attempts.c.channel_held,
        attempts.c.lane,
        attempts.c.callid,
        attempts.c.target_kind,
        attempts.c.dialed_at,
        attempts.c.accepted_at,
        attempts.c.doubted_at,
        func.coalesce(attempts.c.cdr_at, _FAILED_AT).label("reported_end"),
        last_sign.label("last_sign"),
    )
    .join(attempts, attempts.c.id == _doubts.c.attempt_id)
    .where(_doubts.c.pbx == bindparam("of_pbx"))
    .order_by(attempts.c.claimed_at)
)


def in_question(tx: Connection, pbx: str) -> Sequence[Any]:
    """Every call of a PBX that is in question, with its attempt's columns, the oldest first."""
    return tx.execute(_IN_QUESTION, {"of_pbx": pbx}).all()


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A PBX's attempts in doubt: how many, and since when the oldest is."""

    number: int
    since: datetime


def in_doubt(tx: Connection) -> dict[str, InDoubt]:
    """The attempts in doubt of each PBX that has any."""
    query = (
        select(
            attempts.c.pbx,
            func.count(),
            func.min(func.coalesce(attempts.c.doubted_at, attempts.c.claimed_at)),
        )
        .where(HELD, among(attempts.c.phase, Phase.IN_DOUBT))
        .group_by(attempts.c.pbx)
    )
    return {pbx: InDoubt(number, since) for pbx, number, since in tx.execute(query)}


def unresolved_since(tx: Connection, silent_before: datetime) -> dict[str, datetime]:
    """Since when nobody knows of a PBX's oldest open attempt whether it is up, where there is such a one.

    It is in doubt; or it was accepted, and is in question or has given no sign since ``silent_before``, also
    where nobody asks. One that the PBX has shown counts from then.
    """
    is_up = among(attempts.c.phase, Phase.UP)
    since = func.min(func.coalesce(_doubts.c.shown_at, _doubts.c.since))
    asked_for = select(_doubts.c.pbx, since).group_by(_doubts.c.pbx)
    unasked = (
        select(attempts.c.pbx, func.min(last_sign))
        .outerjoin(_doubts, _doubts.c.attempt_id == attempts.c.id)
        .where(HELD, is_up, _doubts.c.attempt_id.is_(None), last_sign < silent_before)
        .group_by(attempts.c.pbx)
    )
    found: dict[str, datetime] = {pbx: doubt.since for pbx, doubt in in_doubt(tx).items()}
    for query in (asked_for, unasked):
        for pbx, at in tx.execute(query):
            found[pbx] = min(at, found.get(pbx, at))
    return found


def known_of(row: Any) -> Known:
    """What the answers so far are, as a row of :func:`in_question` has them."""
    return Known(row.looks, row.looked_at, row.shown_at, row.absent_at, row.records_at)


_SAVE = (
    update(_doubts)
    .where(_doubts.c.attempt_id == bindparam("of_attempt"))
    .values(
        looks=bindparam("new_looks"),
        looked_at=bindparam("new_looked_at"),
        shown_at=bindparam("new_shown_at"),
        absent_at=bindparam("new_absent_at"),
        records_at=bindparam("new_records_at"),
        next_step=bindparam("new_next_step"),
        next_at=bindparam("new_next_at"),
        why=bindparam("new_why"),
    )
)


def save(tx: Connection, learned: Sequence[tuple[str, Known, Next]]) -> None:
    """Write down what has been learned of attempts in question, and what comes next."""
    if learned:
        tx.execute(
            _SAVE,
            [
                {
                    "of_attempt": key,
                    "new_looks": known.looks,
                    "new_looked_at": known.looked_at,
                    "new_shown_at": known.shown_at,
                    "new_absent_at": known.absent_at,
                    "new_records_at": known.records_at,
                    "new_next_step": following.step,
                    "new_next_at": following.at,
                    "new_why": following.why,
                }
                for key, known, following in learned
            ],
        )


def keep_channel(tx: Connection, attempt_ids: Sequence[str]) -> None:
    """Let attempts that have been concluded go on holding their channels, with their questions as owners."""
    if attempt_ids:
        kept = update(attempts).where(attempts.c.id.in_(attempt_ids))
        tx.execute(kept.values(channel_held=True, freed_at=None))


def free_channel(tx: Connection, now: datetime, attempt_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Free the channels that were held on; returns their trunks, as (pbx, trunk)."""
    if not attempt_ids:
        return set()
    freed = (
        update(attempts)
        .where(attempts.c.id.in_(attempt_ids), HELD, among(attempts.c.phase, Phase.ENDED))
        .values(channel_held=False, freed_at=now)
        .returning(attempts.c.pbx, attempts.c.trunk)
    )
    return {(row.pbx, row.trunk) for row in tx.execute(freed)}


def drop(tx: Connection, attempt_ids: Sequence[str]) -> None:
    """Forget questions that are answered."""
    if attempt_ids:
        tx.execute(delete(_doubts).where(_doubts.c.attempt_id.in_(attempt_ids)))


_TOLD = select(_doubts).where(_doubts.c.attempt_id.in_(bindparam("ids", expanding=True)))


def told(tx: Connection, attempt_ids: Sequence[str]) -> dict[str, Any]:
    """The rows of those of these attempts that are in question, for people to read."""
    if not attempt_ids:
        return {}
    return {row.attempt_id: row for row in tx.execute(_TOLD, {"ids": list(attempt_ids)})}
