"""The IVRs that each PBX has, as it has last shown them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from dispatcher.store.prepared import Prepared
from dispatcher.store.tables import PbxIvrs, table
from dispatcher.store.upsert import insert_into

_ivrs = table(PbxIvrs)
_KNOWN = Prepared(select(_ivrs.c.pbx, _ivrs.c.numbers).where(_ivrs.c.looked_at > bindparam("since")))

STALE = timedelta(hours=1)
"""What a PBX has shown longer ago says nothing of what it has now."""


def note(tx: Connection, now: datetime, pbx: str, numbers: Iterable[str]) -> None:
    """Remember the IVRs that a PBX has shown."""
    shown = {"numbers": sorted(set(numbers)), "looked_at": now}
    statement = insert_into(tx, _ivrs).values(pbx=pbx, **shown)
    tx.execute(statement.on_conflict_do_update(index_elements=["pbx"], set_=shown))


def known(tx: Connection, now: datetime) -> dict[str, frozenset[str]]:
    """The IVRs of each PBX of which they are known."""
    return {row.pbx: frozenset(row.numbers or ()) for row in _KNOWN.all(tx, since=now - STALE)}
