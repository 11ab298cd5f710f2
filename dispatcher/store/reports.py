"""Raw reports: the durable inbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from dispatcher.domain.vocabulary import Disposition
from dispatcher.store.tables import RawReport, table

_reports = table(RawReport)


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
    if rows:
        tx.execute(
            insert(_reports),
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


def pending(
    tx: Connection, pbx: str, callids: Iterable[str] | None = None, limit: int = 1000
) -> Sequence[Any]:
    """Reports of a PBX that wait for a call, locked, in the order of their arrival."""
    query = select(_reports).where(_reports.c.pbx == pbx, _reports.c.disposition == Disposition.PENDING)
    if callids is not None:
        query = query.where(_reports.c.callid.in_(list(callids)))
    return tx.execute(query.order_by(_reports.c.id).limit(limit).with_for_update(skip_locked=True)).all()


def dispose(tx: Connection, disposed: Sequence[tuple[int, Disposition, str | None]]) -> None:
    """Say what became of waiting reports: (id, disposition, attempt id)."""
    if not disposed:
        return
    statement = (
        update(_reports)
        .where(_reports.c.id == bindparam("of_id"))
        .values(disposition=bindparam("new_disposition"), attempt_id=bindparam("new_attempt"))
    )
    tx.execute(
        statement,
        [{"of_id": key, "new_disposition": what, "new_attempt": attempt} for key, what, attempt in disposed],
    )
