"""Streams of reports: how far each was read, whether it is up, and what kept it from being opened."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, update

from dispatcher.domain.pacing import TrunkLoad
from dispatcher.domain.streams import unread_since
from dispatcher.store.tables import Lease, ReportStreamState, table
from dispatcher.store.upsert import insert_into

_streams, _leases = table(ReportStreamState), table(Lease)
_LEASE = "reports of "
_STATES = select(
    _streams.c.pbx, _streams.c.connected_at, _streams.c.lost_at, _leases.c.until.label("leased_until")
).outerjoin(_leases, _leases.c.name == literal(_LEASE) + _streams.c.pbx)

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""When something began of which nobody asks when it did."""


def lease_of(pbx: str) -> str:
    """The name of the lease under which a PBX's stream is read."""
    return f"{_LEASE}{pbx}"


def sync(tx: Connection, pbxes: Collection[str]) -> None:
    """Keep a row for each of these PBXs, and none for those whose reports are not fetched any more."""
    for pbx in sorted(pbxes):
        row = insert_into(tx, _streams).values(pbx=pbx, position="", problem="")
        tx.execute(row.on_conflict_do_nothing(index_elements=["pbx"]))
    tx.execute(delete(_streams).where(_streams.c.pbx.not_in(pbxes)))


def of_pbx(tx: Connection, pbx: str) -> Any:
    """The row of a PBX, or None when its reports are not fetched."""
    return tx.execute(select(_streams).where(_streams.c.pbx == pbx)).one_or_none()


def up(tx: Connection, now: datetime) -> dict[str, bool]:
    """Whether each stream is open and read by a process that lives."""
    return {pbx: since is None for pbx, since in _since(tx, now, LONG_AGO).items()}


def unread(tx: Connection, now: datetime, began: datetime = LONG_AGO) -> dict[str, datetime]:
    """The PBXs whose reports nobody fetches as they are to be, and since when: ``began`` at the earliest."""
    return {pbx: since for pbx, since in _since(tx, now, began).items() if since is not None}


def _since(tx: Connection, now: datetime, began: datetime) -> dict[str, datetime | None]:
    return {
        row.pbx: unread_since(
            now,
            began,
            connected_at=row.connected_at,
            lost_at=row.lost_at,
            leased_until=row.leased_until,
        )
        for row in tx.execute(_STATES)
    }


def noted(load: TrunkLoad, pbx: str, unread: Mapping[str, datetime]) -> TrunkLoad:
    """The load of a trunk of ``pbx``, with whether its reports are :func:`unread`."""
    return replace(load, unread_since=unread[pbx]) if pbx in unread else load


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
