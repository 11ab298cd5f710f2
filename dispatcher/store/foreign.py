"""Calls on our trunks that are not ours: each takes a channel from what may be dialled."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select, update

from dispatcher.domain.reports import PartyKind
from dispatcher.store.tables import ForeignCall, table
from dispatcher.store.upsert import insert_into

_foreign = table(ForeignCall)


LEGS = (PartyKind.EXTENSION, PartyKind.INBOUND, PartyKind.OUTBOUND)
"""The legs a call can have; each is one bit of ``releases``, since a report may come more than once."""


def note(
    tx: Connection,
    now: datetime,
    pbx: str,
    callid: str,
    trunk: str,
    *,
    ended: bool = False,
    released: PartyKind | None = None,
) -> bool:
    """Enter a sign of a foreign call; returns whether it was news about the trunk's channels.

    It ends with its CDR, its failure, or the BYEs of two different legs (``released``), and once
    ended it does not come back, however late its other reports arrive.
    """
    leg = 1 << LEGS.index(released) if released is not None else 0
    first = insert_into(tx, _foreign).values(
        pbx=pbx, callid=callid, trunk=trunk, since=now, releases=leg, ended_at=now if ended else None
    )
    made = tx.execute(
        first.on_conflict_do_nothing(index_elements=["pbx", "callid"]),
        # Without this the number of rows of an INSERT is not kept on PostgreSQL.
        execution_options={"preserve_rowcount": True},
    )
    if made.rowcount:
        return True
    if not (ended or leg):
        return False
    legs = _foreign.c.releases.bitwise_or(leg)
    has_two = legs.bitwise_and(legs - 1) != 0
    changed = tx.execute(
        update(_foreign)
        .where(_foreign.c.pbx == pbx, _foreign.c.callid == callid, _foreign.c.ended_at.is_(None))
        .values(releases=legs, ended_at=now if ended else case((has_two, now), else_=None))
    )
    return bool(changed.rowcount)


def live(tx: Connection, pbx: str) -> list[Any]:
    """The foreign calls of a PBX that are believed to be up."""
    query = select(_foreign).where(_foreign.c.pbx == pbx, _foreign.c.ended_at.is_(None))
    return list(tx.execute(query).all())


def end(tx: Connection, now: datetime, pbx: str, callids: Iterable[str]) -> list[str]:
    """End foreign calls that the PBX no longer shows, or that turned out to be ours.

    Returns the trunks on which they were, one for each that ended.
    """
    gone = list(callids)
    if not gone:
        return []
    return _end(tx, now, pbx, _foreign.c.callid.in_(gone))


def lapse(tx: Connection, now: datetime, pbx: str, before: datetime) -> list[str]:
    """End foreign calls that began before a time; returns their trunks, one for each that ended."""
    return _end(tx, now, pbx, _foreign.c.since < before)


def _end(tx: Connection, now: datetime, pbx: str, which: ColumnElement[bool]) -> list[str]:
    ended = (
        update(_foreign)
        .where(_foreign.c.pbx == pbx, which, _foreign.c.ended_at.is_(None))
        .values(ended_at=now)
        .returning(_foreign.c.trunk)
    )
    return list(tx.execute(ended).scalars())
