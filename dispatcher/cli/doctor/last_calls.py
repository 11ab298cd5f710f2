"""The last calls that a PBX has carried, trunk by trunk: an index has each trunk's in their order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from dispatcher.store.tables import Attempt, Trunk, table

_attempts, _trunks = table(Attempt), table(Trunk)


def last_on(tx: Connection, pbx: str, trunk: str, limit: int) -> Sequence[Any]:
    """The attempts on a trunk that ended last, the last one first."""
    query = select(_attempts).where(
        _attempts.c.pbx == pbx, _attempts.c.trunk == trunk, _attempts.c.freed_at.is_not(None)
    )
    return tx.execute(query.order_by(_attempts.c.freed_at.desc()).limit(limit)).all()


def last_accepted(tx: Connection, pbx: str) -> list[Any]:
    """The attempt that ended last on each trunk, and on the extensions, of those that were accepted."""
    trunks = tx.execute(select(_trunks.c.name).where(_trunks.c.pbx == pbx)).scalars().all()
    query = select(_attempts).where(
        _attempts.c.pbx == pbx, _attempts.c.freed_at.is_not(None), _attempts.c.callid.is_not(None)
    )
    newest = query.order_by(_attempts.c.freed_at.desc()).limit(1)
    found = [tx.execute(newest.where(_attempts.c.trunk == trunk)).one_or_none() for trunk in trunks]
    return [row for row in found if row is not None]
