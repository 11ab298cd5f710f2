"""Calls on our trunks that are not ours: each takes a channel from what may be dialled."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.store.tables import ForeignCall, table

_foreign = table(ForeignCall)


def note(
    tx: Connection, now: datetime, pbx: str, callid: str, trunk: str, *, ended: bool, released: bool
) -> bool:
    """Enter a sign of a foreign call; returns whether it was news about the trunk's channels.

    It ends with its CDR, its failure, or its second BYE (each leg sends one), and once ended it
    does not come back, however late its other reports arrive.
    """
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    releases = 1 if released else 0
    first = dialect.insert(_foreign).values(
        pbx=pbx, callid=callid, trunk=trunk, since=now, releases=releases, ended_at=now if ended else None
    )
    made = tx.execute(
        first.on_conflict_do_nothing(index_elements=["pbx", "callid"]),
        # Without this the number of rows of an INSERT is not kept on PostgreSQL.
        execution_options={"preserve_rowcount": True},
    )
    if made.rowcount:
        return True
    if not (ended or released):
        return False
    total = _foreign.c.releases + releases
    over = now if ended else case((total >= 2, func.coalesce(_foreign.c.ended_at, now)), else_=None)
    changed = tx.execute(
        update(_foreign)
        .where(_foreign.c.pbx == pbx, _foreign.c.callid == callid, _foreign.c.ended_at.is_(None))
        .values(releases=total, ended_at=over)
    )
    return bool(changed.rowcount)


def live(tx: Connection, pbx: str) -> list[Any]:
    """The foreign calls of a PBX that are believed to be up."""
    query = select(_foreign).where(_foreign.c.pbx == pbx, _foreign.c.ended_at.is_(None))
    return list(tx.execute(query).all())


def end(tx: Connection, now: datetime, pbx: str, callids: Iterable[str]) -> None:
    """End foreign calls that the PBX no longer shows, or that turned out to be ours."""
    gone = list(callids)
    if gone:
        tx.execute(
            update(_foreign)
            .where(and_(_foreign.c.pbx == pbx, _foreign.c.callid.in_(gone), _foreign.c.ended_at.is_(None)))
            .values(ended_at=now)
        )
