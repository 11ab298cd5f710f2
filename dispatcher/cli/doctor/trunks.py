"""Trunks on which nothing is dialled, as the processes that pace see them."""

from collections.abc import Iterator
from datetime import datetime

from dispatcher.cli.doctor.findings import Finding, warn
from dispatcher.config import PbxSettings
from dispatcher.domain.pacing import Hold, TrunkLoad, shut_by
from dispatcher.store import trunks
from dispatcher.store.engine import Store

_RESUME = 'Resume it with PATCH /v1/trunks/{name} and {{"paused": false}}, once its reason is gone'
_LOOK = "Look at the trunk on the PBX; calls go out again by themselves once one goes through"
_AWAY = "It returns by itself once the PBX shows that it can be used"


def check_health_of(pbx: PbxSettings, store: Store, now: datetime) -> Iterator[Finding]:
    """What keeps a PBX's trunks from being dialled on; nothing of those that work."""
    with store.read() as tx:
        loads = [(row, load) for row, load in trunks.loads(tx, now) if row.pbx == pbx.name]
    for row, load in loads:
        name = f"{row.pbx}/{row.name}" if row.name else f"the extensions of {row.pbx}"
        detail, mend = _trouble(load, row.blocked_why, now)
        if detail:
            yield warn(f"dialling on {name}", detail, mend.format(name=name))


def _trouble(load: TrunkLoad, blocked_why: str, now: datetime) -> tuple[str, str]:
    match shut_by(load, now):
        case Hold.PAUSED:
            return "it is paused", _RESUME
        case Hold.DOWN:
            return f"nothing is dialled: {load.down}", _AWAY
        case Hold.BLOCKED:
            return f"blocked until {load.blocked_until:%H:%M:%S} UTC: {blocked_why}", _LOOK
    if load.trying is not None:
        return f"one call at a time tries whether it works again, after {blocked_why}", _LOOK
    return "", ""
