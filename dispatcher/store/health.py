"""What a PBX says of its trunks, and what follows from it for their health."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from dispatcher.store import events
from dispatcher.store.breaker import FAILURES_TO_BLOCK, changed_health
from dispatcher.store.events import Change
from dispatcher.store.tables import PbxSession, Trunk, table
from dispatcher.store.trunks import down_why, locked

_trunks = table(Trunk)
_sessions = table(PbxSession)


@dataclass(frozen=True, slots=True)
class Shown:
    """A trunk as its PBX shows it. ``usable`` is None when the PBX does not know."""

    status: str = ""
    usable: bool | None = None


def names(tx: Connection, pbx: str) -> list[str]:
    """The PBX's trunks, and the empty name that stands for its own extensions."""
    query = select(_trunks.c.name).where(_trunks.c.pbx == pbx).order_by(_trunks.c.name)
    return list(tx.execute(query).scalars())


def is_due(tx: Connection, now: datetime, pbx: str, every: timedelta) -> bool:
    """Whether the PBX is to be asked now: something is wrong, or it has not been asked for ``every``."""
    if is_away(tx, pbx):
        return True
    to_ask = or_(
        _trunks.c.checked_at.is_(None),
        _trunks.c.checked_at <= now - every,
        _trunks.c.blocked_until.is_not(None),
        _trunks.c.down_why != "",
        _trunks.c.pbx_usable.is_(False),
    )
    query = select(_trunks.c.name).where(_trunks.c.pbx == pbx, to_ask).limit(1)
    return tx.execute(query).first() is not None


def is_away(tx: Connection, pbx: str) -> bool:
    """Whether the PBX does not answer, or refuses the login."""
    query = select(_sessions.c.pbx).where(_sessions.c.pbx == pbx, _sessions.c.problem != "")
    return tx.execute(query).first() is not None


def note_away(tx: Connection, pbx: str, why: str) -> None:
    """The PBX does not answer: until it does, nothing is dialled on it."""
    known = _sessions.c.pbx == pbx, _sessions.c.problem == "", _sessions.c.token.is_not(None)
    tx.execute(update(_sessions).where(*known).values(problem=why))


def note_back(tx: Connection, pbx: str) -> None:
    """The PBX has answered a request in its session; what kept us from logging in ends with a login."""
    known = _sessions.c.pbx == pbx, _sessions.c.problem != "", _sessions.c.token.is_not(None)
    tx.execute(update(_sessions).where(*known).values(problem=""))


def look(tx: Connection, now: datetime, pbx: str, name: str, shown: Shown | None) -> bool:
    """Keep what the PBX shows of a trunk, None when it did not answer; True when its health changed.

    A trunk that comes up after it was down, or that works as far as the PBX can see when it is blocked
    for the first time, is tried out at once. When the PBX has vouched in vain, the block takes its time.
    """
    row = locked(tx, pbx, name)
    if row is None:
        return False
    values: dict[str, Any] = {}
    told: list[Change] = []
    if shown is not None:
        values |= {"pbx_status": shown.status, "pbx_usable": shown.usable, "checked_at": now}
        is_blocked = row.blocked_until is not None and row.blocked_until > now
        is_first = row.failures_in_row == FAILURES_TO_BLOCK
        if is_blocked and shown.usable and (is_first or row.pbx_usable is False):
            values["blocked_until"] = now
            why = f"{pbx} shows it as {shown.status}: one call tries it"
            told.append(changed_health(pbx, name, "trying", why))
        _keep(tx, pbx, name, values)
        row = locked(tx, pbx, name)
    why = down_why(row, now)
    if bool(why) is not bool(row.down_why):
        _keep(tx, pbx, name, {"down_why": why})
        told.append(changed_health(pbx, name, "down" if why else "up", why or f"no longer: {row.down_why}"))
    events.record(tx, now, told)
    return bool(told)


def _keep(tx: Connection, pbx: str, name: str, values: dict[str, Any]) -> None:
    tx.execute(update(_trunks).where(_trunks.c.pbx == pbx, _trunks.c.name == name).values(**values))
