"""PBX sessions: one row a PBX, with a lease so that only one process logs in at a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from dispatcher.store.tables import PbxSession, table
from dispatcher.store.upsert import insert_into

_sessions = table(PbxSession)


def of_pbx(tx: Connection, pbx: str) -> Any:
    """The session row of a PBX, or None before its first login."""
    return tx.execute(select(_sessions).where(_sessions.c.pbx == pbx)).one_or_none()


def take_lease(tx: Connection, pbx: str, owner: str, generation: int, now: datetime, until: datetime) -> bool:
    """Take the right to log in, unless another process has it or has logged in since ``generation``."""
    tx.execute(
        insert_into(tx, _sessions)
        .values(pbx=pbx, generation=0, problem="")
        .on_conflict_do_nothing(index_elements=["pbx"])
    )
    taken = tx.execute(
        update(_sessions)
        .where(
            _sessions.c.pbx == pbx,
            _sessions.c.generation == generation,
            or_(_sessions.c.lease_until.is_(None), _sessions.c.lease_until < now),
        )
        .values(lease_owner=owner, lease_until=until)
    )
    return bool(taken.rowcount)


def store_login(tx: Connection, pbx: str, now: datetime, token: str) -> int:
    """Keep the token of a login, give the lease back, and return the session's new generation."""
    return _keep(tx, pbx, now, token, began_at=now)


def store_successor(tx: Connection, pbx: str, now: datetime, token: str) -> int:
    """Keep the token that has taken a token's place; returns the session's new generation.

    The session goes on: the PBX has forgotten nothing.
    """
    return _keep(tx, pbx, now, token)


def _keep(tx: Connection, pbx: str, now: datetime, token: str, **more: datetime) -> int:
    kept = {
        "token": token,
        "generation": _sessions.c.generation + 1,
        "refreshed_at": now,
        "lease_owner": None,
        "lease_until": None,
        "refused_password": None,
        "retry_at": None,
        "problem": "",
    }
    stored = update(_sessions).where(_sessions.c.pbx == pbx).values(**kept | more)
    return int(tx.execute(stored.returning(_sessions.c.generation)).scalar_one())


def store_failure(
    tx: Connection,
    pbx: str,
    *,
    problem: str,
    retry_at: datetime | None = None,
    refused_password: str | None = None,
) -> None:
    """Keep why a login failed, when it may be tried again, and give the lease back."""
    tx.execute(
        update(_sessions)
        .where(_sessions.c.pbx == pbx)
        .values(
            token=None,
            problem=problem,
            retry_at=retry_at,
            refused_password=refused_password,
            lease_owner=None,
            lease_until=None,
        )
    )


def note_refresh(tx: Connection, pbx: str, before: datetime | None, now: datetime) -> bool:
    """Claim the next heartbeat; False when another process was faster."""
    same = _sessions.c.refreshed_at.is_(None) if before is None else _sessions.c.refreshed_at == before
    done = tx.execute(update(_sessions).where(_sessions.c.pbx == pbx, same).values(refreshed_at=now))
    return bool(done.rowcount)
