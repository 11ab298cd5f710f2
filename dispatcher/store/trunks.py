"""Trunks: their run-time settings, what they carry, and their circuit breaker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.domain.facts import Facts
from dispatcher.domain.pacing import ALARMS, TrunkLoad
from dispatcher.domain.retry import COSTS_NOTHING, backoff
from dispatcher.domain.vocabulary import Outcome
from dispatcher.store.attempts import Case
from dispatcher.store.tables import HELD, Attempt, ForeignCall, Trunk, table

_trunks = table(Trunk)
_attempts = table(Attempt)
_foreign = table(ForeignCall)

INTERNAL = ""
"""The name of the row under which calls to a PBX's own extensions are counted."""

FAILURES_TO_BLOCK = 5
"""So many failures of the trunk's own in a row open its circuit breaker."""

BLOCK_SECONDS = 10.0
"""The first block's length; it doubles with every further failure, up to the longest back-off."""


@dataclass(frozen=True, slots=True)
class Configured:
    """A trunk as the configuration file has it. Calls per second None is unlimited."""

    pbx: str
    name: str
    channels: int
    reserved_for_alarms: int
    calls_per_second: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A locked trunk: its load, what each lane holds everywhere, and when it last gave channels out."""

    load: TrunkLoad
    held_by_lane: dict[str, int]
    here_by_lane: dict[str, int]
    last_claim_at: datetime | None


def sync(tx: Connection, now: datetime, configured: Iterable[Configured]) -> None:
    """Bring the configured trunks into the store.

    What was changed at run time stays, unless the configuration itself has changed since.
    """
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    for item in configured:
        settings = {
            "channels": item.channels,
            "reserved_for_alarms": item.reserved_for_alarms,
            "calls_per_second": item.calls_per_second,
        }
        row = {"pbx": item.pbx, "name": item.name, "configured": settings, **settings}
        tx.execute(
            dialect.insert(_trunks)
            .values(**row, paused=False, failures_in_row=0, blocked_why="", pbx_status="")
            .on_conflict_do_nothing()
        )
        of_trunk = and_(_trunks.c.pbx == item.pbx, _trunks.c.name == item.name)
        known = tx.execute(select(_trunks.c.configured).where(of_trunk)).scalar_one()
        if known != settings:
            tx.execute(update(_trunks).where(of_trunk).values(configured=settings, **settings))


def _channels_in_use() -> Any:
    ours = (
        select(_attempts.c.pbx, _attempts.c.trunk, _attempts.c.lane, func.count())
        .where(HELD)
        .group_by(_attempts.c.pbx, _attempts.c.trunk, _attempts.c.lane)
    )
    others = (
        select(_foreign.c.pbx, _foreign.c.trunk, literal(None), func.count())
        .where(_foreign.c.ended_at.is_(None))
        .group_by(_foreign.c.pbx, _foreign.c.trunk)
    )
    return ours.union_all(others)


_CHANNELS_IN_USE = _channels_in_use()
_LOCK = (
    select(_trunks)
    .where(_trunks.c.pbx == bindparam("of_pbx"), _trunks.c.name == bindparam("of_name"))
    .with_for_update()
)


def lock(tx: Connection, pbx: str, name: str) -> Counted | None:
    """Lock a trunk and count what is on it, or None when it is not known.

    The lock is the row's (SQLite: the database's), and the counting is a statement of its own, so
    that it sees everything that was committed before the lock was given.
    """
    row = tx.execute(_LOCK, {"of_pbx": pbx, "of_name": name}).one_or_none()
    if row is None:
        return None
    held: dict[str, int] = {}
    here: dict[str, int] = {}
    others = 0
    for where_pbx, where_trunk, lane, number in tx.execute(_CHANNELS_IN_USE):
        if lane is None:
            others += number if (where_pbx, where_trunk) == (pbx, name) else 0
            continue
        held[lane] = held.get(lane, 0) + number
        if (where_pbx, where_trunk) == (pbx, name):
            here[lane] = here.get(lane, 0) + number
    return Counted(_load(row, here, others), held, here, row.last_claim_at)


def _load(row: Any, here: dict[str, int], others: int) -> TrunkLoad:
    alarms = here.get(ALARMS, 0)
    return TrunkLoad(
        channels=row.channels,
        reserved=row.reserved_for_alarms,
        alarms=alarms,
        campaigns=sum(here.values()) - alarms,
        others=others,
        paused=row.paused,
        blocked_until=row.blocked_until,
        calls_per_second=row.calls_per_second,
        next_slot_at=row.next_slot_at,
    )


def loads(tx: Connection) -> list[tuple[Any, TrunkLoad]]:
    """Every trunk's row with its load, without locking anything."""
    rows = tx.execute(select(_trunks).order_by(_trunks.c.pbx, _trunks.c.name)).all()
    ours: dict[tuple[str, str], dict[str, int]] = {}
    others: dict[tuple[str, str], int] = {}
    for pbx, name, lane, number in tx.execute(_CHANNELS_IN_USE):
        if lane is None:
            others[pbx, name] = number
        else:
            ours.setdefault((pbx, name), {})[lane] = number
    return [
        (row, _load(row, ours.get((row.pbx, row.name), {}), others.get((row.pbx, row.name), 0)))
        for row in rows
    ]


_FREED = (
    select(_attempts.c.freed_at)
    .where(
        _attempts.c.pbx == bindparam("of_pbx"),
        _attempts.c.trunk == bindparam("of_name"),
        _attempts.c.freed_at > bindparam("since"),
    )
    .order_by(_attempts.c.freed_at)
    .limit(bindparam("most", type_=Integer))
)


def freed_since(tx: Connection, pbx: str, name: str, since: datetime | None, limit: int) -> list[datetime]:
    """When channels of this trunk became free after ``since``, earliest first."""
    if since is None or limit <= 0:
        return []
    values = {"of_pbx": pbx, "of_name": name, "since": since, "most": limit}
    return list(tx.execute(_FREED, values).scalars())


_CLAIMED = (
    update(_trunks)
    .where(_trunks.c.pbx == bindparam("of_pbx"), _trunks.c.name == bindparam("of_name"))
    .values(last_claim_at=bindparam("new_claim_at"), next_slot_at=bindparam("new_slot_at"))
)


def note_claim(tx: Connection, now: datetime, pbx: str, name: str, next_slot_at: datetime | None) -> None:
    """Remember that a locked trunk has just given out channels."""
    values = {"of_pbx": pbx, "of_name": name, "new_claim_at": now, "new_slot_at": next_slot_at}
    tx.execute(_CLAIMED, values)


_WORKED = (
    update(_trunks)
    .where(
        _trunks.c.pbx == bindparam("of_pbx"),
        _trunks.c.name == bindparam("of_name"),
        _trunks.c.failures_in_row > 0,
    )
    .values(failures_in_row=0, blocked_until=None, blocked_why="")
)


def note_outcomes(tx: Connection, now: datetime, cases: Iterable[Case]) -> None:
    """Open and close the trunks' circuit breakers by what became of their attempts.

    A failure of the trunk's own counts; anything that shows the trunk working starts the count
    anew. Trunks without a count are not touched, so that dialling never waits for this row.
    """
    failed: dict[tuple[str, str], list[Facts]] = {}
    worked: set[tuple[str, str]] = set()
    for case in cases:
        if case.outcome in COSTS_NOTHING:
            failed.setdefault((case.pbx, case.trunk), []).append(case.facts)
        elif case.outcome not in (None, Outcome.CANCELLED, Outcome.UNKNOWN, Outcome.NOT_PERMITTED):
            worked.add((case.pbx, case.trunk))
    for pbx, name in sorted(worked):
        tx.execute(_WORKED, {"of_pbx": pbx, "of_name": name})
    for (pbx, name), failures in sorted(failed.items()):
        if (pbx, name) not in worked:
            _note_failures(tx, now, pbx, name, failures)


def _note_failures(tx: Connection, now: datetime, pbx: str, name: str, facts: list[Facts]) -> None:
    """Count failures of a trunk's own, and block it when there are too many.

    While it is blocked nothing is counted: those calls were under way when the block began. After
    that it takes one failure to block it again, for twice as long.
    """
    of_trunk = and_(_trunks.c.pbx == pbx, _trunks.c.name == name)
    known = select(_trunks.c.failures_in_row, _trunks.c.blocked_until).where(of_trunk).with_for_update()
    row = tx.execute(known).one_or_none()
    if row is None or (row.blocked_until is not None and row.blocked_until > now):
        return
    was_blocked = row.failures_in_row >= FAILURES_TO_BLOCK
    in_row = (
        row.failures_in_row + 1 if was_blocked else min(row.failures_in_row + len(facts), FAILURES_TO_BLOCK)
    )
    values: dict[str, Any] = {"failures_in_row": in_row}
    if in_row >= FAILURES_TO_BLOCK:
        pause = backoff(BLOCK_SECONDS, in_row - FAILURES_TO_BLOCK + 1)
        values["blocked_until"] = now + timedelta(seconds=pause)
        values["blocked_why"] = (
            f"{in_row} failures in a row, the last: {facts[-1].cause_text or facts[-1].cause}"
        )
    tx.execute(update(_trunks).where(of_trunk).values(**values))
