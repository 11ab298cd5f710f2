"""What each PBX was asked, and what is demanded of it: one row a PBX, for all processes together."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from dispatcher.store.tables import Inquiry, table
from dispatcher.store.upsert import insert_into

_inquiries = table(Inquiry)

LONGEST_REST = timedelta(seconds=60)


def of_pbx(tx: Connection, pbx: str) -> Any:
    """The row of a PBX, or None when it was never asked."""
    return tx.execute(select(_inquiries).where(_inquiries.c.pbx == pbx)).one_or_none()


def demand(tx: Connection, pbx: str, now: datetime, because: str) -> None:
    """Demand that every call of a PBX that is open now be asked for; whoever does upkeep will do it."""
    _write(tx, pbx, wanted_at=now, wanted_because=because)


def taken_up(tx: Connection, pbx: str, wanted_at: datetime) -> None:
    """Note that a demand is being met, unless another has been made since."""
    tx.execute(
        update(_inquiries)
        .where(_inquiries.c.pbx == pbx, _inquiries.c.wanted_at == wanted_at)
        .values(wanted_at=None, wanted_because="")
    )


def looked(tx: Connection, pbx: str, at: datetime) -> None:
    """Note that a PBX has shown its live calls."""
    _write(tx, pbx, looked_at=at, failures=0, not_before=None)


def fetched(tx: Connection, pbx: str, at: datetime) -> None:
    """Note that a PBX was asked for its call records, whether it gave them or not."""
    _write(tx, pbx, records_at=at)


def failed(tx: Connection, pbx: str, now: datetime, failures: int) -> None:
    """Note that a PBX has not answered, for so many times in a row: it is left alone for a while."""
    rest = min(timedelta(seconds=2 ** min(failures, 10)), LONGEST_REST)
    _write(tx, pbx, failures=failures, not_before=now + rest)


def _write(tx: Connection, pbx: str, **values: Any) -> None:
    row = insert_into(tx, _inquiries).values(**{"pbx": pbx, "wanted_because": "", "failures": 0} | values)
    tx.execute(row.on_conflict_do_update(index_elements=["pbx"], set_=values))
