"""Trunks: their run-time settings, what they carry, and their circuit breaker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, func, literal, select, update

from dispatcher.domain.pacing import ALARMS, TrunkLoad
from dispatcher.store import breaker
from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import HELD, Attempt, ForeignCall, PbxSession, Trunk, table
from dispatcher.store.upsert import insert_into

_trunks = table(Trunk)
_attempts = table(Attempt)
_foreign = table(ForeignCall)
_sessions = table(PbxSession)

INTERNAL = ""
"""The name of the row under which calls to a PBX's own extensions are counted."""

STATUS_COUNTS = timedelta(minutes=2)
"""So old a word of the PBX that a trunk can't be used is no longer believed."""


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
    in_use: "InUse" = field(default_factory=lambda: InUse({}, {}))


@dataclass(frozen=True, slots=True)
class InUse:
    """Channels in use by trunk: ours by lane, and others'."""

    ours: dict[tuple[str, str], dict[str, int]]
    others: dict[tuple[str, str], int]


def sync(tx: Connection, now: datetime, configured: Iterable[Configured]) -> None:
    """Bring the configured trunks into the store.

    What was changed at run time stays, unless the configuration itself has changed since.
    """
    for item in configured:
        settings = {
            "channels": item.channels,
            "reserved_for_alarms": item.reserved_for_alarms,
            "calls_per_second": item.calls_per_second,
        }
        row = {"pbx": item.pbx, "name": item.name, "configured": settings, **settings}
        tx.execute(
            insert_into(tx, _trunks)
            .values(**row, paused=False, failures_in_row=0, blocked_why="", down_why="", pbx_status="")
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


_CHANNELS_IN_USE = Prepared(_channels_in_use())


def _in_use(tx: Connection) -> InUse:
    found = InUse({}, {})
    for pbx, name, lane, number in _CHANNELS_IN_USE.all(tx):
        if lane is None:
            found.others[pbx, name] = number
        else:
            found.ours.setdefault((pbx, name), {})[lane] = number
    return found


_ROWS = select(
    _trunks,
    select(_sessions.c.problem)
    .where(_sessions.c.pbx == _trunks.c.pbx)
    .scalar_subquery()
    .label("pbx_problem"),
)
_LOCK = Prepared(
    _ROWS.where(_trunks.c.pbx == bindparam("of_pbx"), _trunks.c.name == bindparam("of_name")).with_for_update(
        of=_trunks
    )
)
_IN_ORDER = Prepared(_ROWS.order_by(_trunks.c.pbx, _trunks.c.name))


def locked(tx: Connection, pbx: str, name: str) -> Any:
    """Lock a trunk's row; with ``pbx_problem``, why nothing can be asked of its PBX. None when unknown."""
    rows = _LOCK.all(tx, of_pbx=pbx, of_name=name)
    return rows[0] if rows else None


def lock(tx: Connection, now: datetime, pbx: str, name: str) -> Counted | None:
    """Lock a trunk and count what is on it, or None when it is not known.

    The lock is the row's (SQLite: the database's), and the counting is a statement of its own, so
    that it sees everything that was committed before the lock was given. A trunk that was blocked
    counts as working again once a call that tries it out rings.
    """
    row = locked(tx, pbx, name)
    if row is None:
        return None
    in_use = _in_use(tx)
    held: dict[str, int] = {}
    for lanes in in_use.ours.values():
        for lane, number in lanes.items():
            held[lane] = held.get(lane, 0) + number
    load = _load(tx, now, row, in_use)
    if load.trying and breaker.rings(tx, row):
        breaker.close(tx, now, row, "a call rings")
        load = replace(load, trying=None, blocked_until=None)
    return Counted(load, held, in_use.ours.get((pbx, name), {}), row.last_claim_at, in_use)


def others(tx: Connection, now: datetime, counted: Counted) -> dict[tuple[str, str], TrunkLoad]:
    """Every trunk's load, as it was when one of them was locked; the others are not locked."""
    return {(row.pbx, row.name): _load(tx, now, row, counted.in_use) for row in _IN_ORDER.all(tx)}


def loads(tx: Connection, now: datetime) -> list[tuple[Any, TrunkLoad]]:
    """Every trunk's row with its load, without locking anything."""
    rows = _IN_ORDER.all(tx)
    in_use = _in_use(tx)
    return [(row, _load(tx, now, row, in_use)) for row in rows]


def _load(tx: Connection, now: datetime, row: Any, in_use: InUse) -> TrunkLoad:
    here: Mapping[str, int] = in_use.ours.get((row.pbx, row.name), {})
    alarms = here.get(ALARMS, 0)
    return TrunkLoad(
        channels=row.channels,
        reserved=row.reserved_for_alarms,
        alarms=alarms,
        campaigns=sum(here.values()) - alarms,
        others=in_use.others.get((row.pbx, row.name), 0),
        paused=row.paused,
        down=down_why(row, now),
        blocked_until=row.blocked_until,
        trying=breaker.trying(tx, row) if breaker.is_tried_out(row, now) else None,
        vouched=row.pbx_usable is True and not is_stale(row, now),
        calls_per_second=row.calls_per_second,
        next_slot_at=row.next_slot_at,
    )


def down_why(row: Any, now: datetime) -> str:
    """Why nothing can go out on a trunk, by what its PBX says; empty while something can."""
    if row.pbx_problem:
        return f"{row.pbx} is away: {row.pbx_problem}"
    if row.pbx_usable is False and not is_stale(row, now):
        return f"{row.pbx} shows it as {row.pbx_status}"
    return ""


def is_stale(row: Any, now: datetime) -> bool:
    """Whether the PBX has not been asked of the trunk for too long."""
    return row.checked_at is None or row.checked_at <= now - STATUS_COUNTS


_FREED = Prepared(
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
    return [row.freed_at for row in _FREED.all(tx, of_pbx=pbx, of_name=name, since=since, most=limit)]


_CLAIMED = Prepared(
    update(_trunks)
    .where(_trunks.c.pbx == bindparam("of_pbx"), _trunks.c.name == bindparam("of_name"))
    .values(last_claim_at=bindparam("new_claim_at"), next_slot_at=bindparam("new_slot_at"))
)


def note_claim(tx: Connection, now: datetime, pbx: str, name: str, next_slot_at: datetime | None) -> None:
    """Remember that a locked trunk has just given out channels."""
    _CLAIMED.run(tx, of_pbx=pbx, of_name=name, new_claim_at=now, new_slot_at=next_slot_at)
