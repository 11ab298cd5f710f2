"""Signs of life of the processes that dial, and what each was dialling when it gave the sign."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from dispatcher.store.tables import ProcessSign, table
from dispatcher.store.upsert import insert_into

_processes = table(ProcessSign)


def sign(tx: Connection, name: str, now: datetime, dialing: Sequence[str]) -> None:
    """Note that a process lives, and the attempts that it is dialling."""
    fresh = {"seen_at": now, "dialing": list(dialing)}
    row = insert_into(tx, _processes).values(name=name, **fresh)
    tx.execute(row.on_conflict_do_update(index_elements=["name"], set_=fresh))


def sign_off(tx: Connection, name: str) -> None:
    """Forget a process that has ended in order."""
    tx.execute(delete(_processes).where(_processes.c.name == name))


def signs(tx: Connection) -> Sequence[Any]:
    """Every process that has not signed off."""
    return tx.execute(select(_processes)).all()


def forget_before(tx: Connection, then: datetime) -> None:
    """Forget the processes that gave no sign since ``then``."""
    tx.execute(delete(_processes).where(_processes.c.seen_at < then))
