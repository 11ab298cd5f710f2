"""Streams of reports: how far each was read, whether it is up, and what kept it from being opened."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.store import leases
from dispatcher.store.tables import ReportStreamState, table

_streams = table(ReportStreamState)


def lease_of(pbx: str) -> str:
    """The name of the lease under which a PBX's stream is read."""
    return f"reports of {pbx}"


def sync(tx: Connection, pbxes: Collection[str]) -> None:
    """Keep a row for each of these PBXs, and none for those whose reports are not fetched any more."""
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    for pbx in sorted(pbxes):
        row = dialect.insert(_streams).values(pbx=pbx, position="", problem="")
        tx.execute(row.on_conflict_do_nothing(index_elements=["pbx"]))
    tx.execute(delete(_streams).where(_streams.c.pbx.not_in(pbxes)))


def of_pbx(tx: Connection, pbx: str) -> Any:
    """The row of a PBX, or None when its reports are not fetched."""
    return tx.execute(select(_streams).where(_streams.c.pbx == pbx)).one_or_none()


def up(tx: Connection, now: datetime) -> dict[str, bool]:
    """Whether each stream is open and read by a process that lives."""
    rows = tx.execute(select(_streams.c.pbx, _streams.c.connected_at, _streams.c.lost_at)).all()
    return {
        row.pbx: row.connected_at is not None
        and row.lost_at is None
        and leases.holder(tx, lease_of(row.pbx), now) is not None
        for row in rows
    }


def opened(tx: Connection, pbx: str, now: datetime) -> None:
    """Note that a stream is open."""
    fresh = {"connected_at": now, "lost_at": None, "refused_account": None, "retry_at": None, "problem": ""}
    tx.execute(update(_streams).where(_streams.c.pbx == pbx).values(**fresh))


def lost(
    tx: Connection,
    pbx: str,
    now: datetime,
    problem: str,
    *,
    refused_account: str | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Note that a stream has broken off or can't be opened, why, and when it may be tried again."""
    tx.execute(
        update(_streams)
        .where(_streams.c.pbx == pbx)
        .values(
            lost_at=func.coalesce(_streams.c.lost_at, _as_instant(now)),
            problem=problem,
            refused_account=refused_account,
            retry_at=retry_at,
        )
    )


def close(tx: Connection, pbx: str, now: datetime) -> None:
    """Note that a stream is read by nobody from now on, though nothing is wrong with it."""
    tx.execute(
        update(_streams)
        .where(_streams.c.pbx == pbx)
        .values(lost_at=func.coalesce(_streams.c.lost_at, _as_instant(now)))
    )


def advance(tx: Connection, pbx: str, position: str) -> None:
    """Keep the position up to which every report is durable."""
    tx.execute(update(_streams).where(_streams.c.pbx == pbx).values(position=position))


def _as_instant(now: datetime) -> Any:
    return literal(now, _streams.c.lost_at.type)
