"""Raw reports: the durable inbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from dispatcher.domain.vocabulary import Disposition
from dispatcher.store.bulk import BulkInsert, BulkUpdate
from dispatcher.store.prepared import AnyOf, Prepared
from dispatcher.store.tables import RawReport, among, table

_reports = table(RawReport)

_KEEP = BulkInsert(_reports, "pbx", "received_at", "word", "callid", "body", "disposition", "attempt_id")
_DISPOSE = BulkUpdate(_reports, "disposition", "attempt_id")
_PENDING = (
    select(_reports)
    .where(_reports.c.pbx == bindparam("of_pbx"), among(_reports.c.disposition, Disposition.PENDING))
    .order_by(_reports.c.id)
    .limit(1000)
    # Not past locked rows: their holder may have looked for the callid just before it was committed.
    .with_for_update()
)
_PENDING_OF = _PENDING.where(_reports.c.callid.in_(bindparam("callids", expanding=True)))
_PENDING_ONE = (
    select(_reports)
    .where(_reports.c.id == bindparam("of_id"), among(_reports.c.disposition, Disposition.PENDING))
    .with_for_update()
)


@dataclass(slots=True)
class Row:
    """A raw report on its way into the store."""

    pbx: str
    received_at: datetime
    word: str
    callid: str
    body: str
    disposition: Disposition
    attempt_id: str | None = None


def keep(tx: Connection, rows: Sequence[Row]) -> None:
    """Make reports durable."""
    _KEEP.run(
        tx,
        [
            {
                "pbx": row.pbx,
                "received_at": row.received_at,
                "word": row.word,
                "callid": row.callid,
                "body": row.body,
                "disposition": row.disposition,
                "attempt_id": row.attempt_id,
            }
            for row in rows
        ],
    )


_ANY = select(_reports.c.id).where(
    _reports.c.pbx == bindparam("of_pbx"), among(_reports.c.disposition, Disposition.PENDING)
)
_ANY_OF = Prepared(_ANY.where(AnyOf(_reports.c.callid, "callids")).limit(1))
_ANY_AT_ALL = Prepared(_ANY.limit(1))


def any_pending(tx: Connection, pbx: str, callids: Iterable[str] | None = None) -> bool:
    """Whether a PBX has pending reports, of any call or of some callids."""
    if callids is None:
        return bool(_ANY_AT_ALL.all(tx, of_pbx=pbx))
    return bool(_ANY_OF.all(tx, of_pbx=pbx, callids=callids))


def pending(tx: Connection, pbx: str, callids: Iterable[str] | None = None) -> Sequence[Any]:
    """Reports of a PBX that wait for a call, locked, in the order of their arrival."""
    if callids is None:
        return tx.execute(_PENDING, {"of_pbx": pbx}).all()
    return tx.execute(_PENDING_OF, {"of_pbx": pbx, "callids": list(callids)}).all()


def pending_one(tx: Connection, key: int) -> Sequence[Any]:
    """One report, locked, if it is still waiting."""
    return tx.execute(_PENDING_ONE, {"of_id": key}).all()


def dispose(tx: Connection, disposed: Sequence[tuple[int, Disposition, str | None]]) -> None:
    """Say what became of waiting reports: (id, disposition, attempt id)."""
    rows = [{"id": key, "disposition": what, "attempt_id": attempt} for key, what, attempt in disposed]
    _DISPOSE.run(tx, rows)
