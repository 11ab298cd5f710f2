"""How many calls each lane may start on a trunk, now. A pure function of what is counted.

A *lane* is a queue that wants channels: all alarms together, or one campaign. The caller holds the
trunk's lock while it counts, plans and claims, so what is planned is what is free.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heapify, heappop, heapreplace
from math import ceil

ALARMS = "alarms"
"""The name of the lane of all alarms."""

CPS_BURST_SECONDS = 0.1
"""A trunk with a call rate may start this much of a second's calls at once, and at least one."""

REPORTS_GRACE = timedelta(seconds=10)
"""For so long alarms wait for reports to be read again. Then they go on: better twice than never."""


class Hold(StrEnum):
    """Why a trunk gives out nothing more."""

    PAUSED = "paused"
    DOWN = "down"
    BLOCKED = "blocked"
    UNREAD = "unread"
    TRYING = "trying"
    FULL = "full"
    RATE = "rate"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class TrunkLoad:
    """A trunk and what is on it. Channels are counts, ``calls_per_second`` None is unlimited.

    ``down`` says why nothing can go out on it, and is empty while something can. ``trying`` is None
    for a trunk that works; for one whose block is over it is how many calls are trying it out.
    ``vouched`` is whether its PBX says that it works. ``unread_since`` is None unless the reports of
    its PBX have to be fetched and nobody does: what happens to calls meanwhile may be lost for good.
    """

    channels: int
    reserved: int = 0
    alarms: int = 0
    campaigns: int = 0
    others: int = 0
    paused: bool = False
    down: str = ""
    blocked_until: datetime | None = None
    trying: int | None = None
    vouched: bool = False
    calls_per_second: float | None = None
    next_slot_at: datetime | None = None
    unread_since: datetime | None = None

    @property
    def free(self) -> int:
        """Channels that nobody holds."""
        return max(0, self.channels - self.alarms - self.campaigns - self.others)

    @property
    def kept(self) -> int:
        """Free channels that campaigns leave to alarms."""
        return max(0, self.reserved - self.alarms)

    @property
    def for_campaigns(self) -> int:
        """Free channels that campaigns may have: none while the reports of their calls would not be read."""
        return 0 if self.unread_since is not None else max(0, self.free - self.kept)


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue that wants channels.

    ``due`` is how many calls could start now, ``room`` how many more its own limit allows (None is
    no limit), ``active`` what it already holds on this trunk, for fairness.
    """

    name: str
    due: int
    priority: int = 0
    weight: int = 1
    active: int = 0
    room: int | None = None

    @property
    def wants(self) -> int:
        """How many channels the lane could use now."""
        return max(0, self.due if self.room is None else min(self.due, self.room))


@dataclass(frozen=True, slots=True)
class Plan:
    """What may start: grants by lane, why no more, and when to look again for that reason."""

    grants: dict[str, int] = field(default_factory=dict)
    hold: Hold | None = None
    wake_at: datetime | None = None
    next_slot_at: datetime | None = None

    @property
    def total(self) -> int:
        """All calls granted."""
        return sum(self.grants.values())


def plan(trunk: TrunkLoad, lanes: Sequence[Lane], now: datetime) -> Plan:
    """Share a trunk's free channels: alarms first, then campaigns by priority and weight.

    Channels reserved for alarms are kept from campaigns as far as alarms do not hold them already.
    """
    shut = shut_by(trunk, now)
    if shut is not None:
        return Plan(hold=shut, wake_at=_opens_at(trunk, shut))
    free = startable(trunk, now)
    alarms = min(free, sum(lane.wants for lane in lanes if lane.name == ALARMS))
    campaigns = [lane for lane in lanes if lane.name != ALARMS]
    # Alarms take the channels that are kept for them before any other.
    grants = _share(campaigns, min(free - alarms, trunk.for_campaigns - max(0, alarms - trunk.kept)))
    if alarms:
        grants[ALARMS] = alarms
    return _with_reason(trunk, lanes, grants, now)


def shut_by(trunk: TrunkLoad, now: datetime) -> Hold | None:
    """Why no call at all may start on a trunk, however many channels are free."""
    if trunk.paused:
        return Hold.PAUSED
    if trunk.down:
        return Hold.DOWN
    if trunk.blocked_until is not None and trunk.blocked_until > now:
        return Hold.BLOCKED
    if waits_for_reports(trunk, now, is_alarm=True):
        return Hold.UNREAD
    return None


def waits_for_reports(trunk: TrunkLoad, now: datetime, *, is_alarm: bool) -> bool:
    """Whether a call must wait until the reports of a trunk's PBX are read again."""
    since = trunk.unread_since
    return since is not None and (not is_alarm or now < since + REPORTS_GRACE)


def _opens_at(trunk: TrunkLoad, shut: Hold) -> datetime | None:
    """When a trunk that is shut opens by itself; None when somebody or something must open it."""
    if shut is Hold.UNREAD and trunk.unread_since is not None:
        return trunk.unread_since + REPORTS_GRACE
    return trunk.blocked_until if shut is Hold.BLOCKED else None


def startable(trunk: TrunkLoad, now: datetime) -> int:
    """How many calls may start on a trunk now, if all of them were alarms'."""
    if shut_by(trunk, now) is not None:
        return 0
    limits = [trunk.free, _allowed_by_rate(trunk, now), _allowed_to_try(trunk)]
    return min(limit for limit in limits if limit is not None)


def _allowed_to_try(trunk: TrunkLoad) -> int | None:
    """A trunk that was blocked gets one call first; None when it was not."""
    return None if trunk.trying is None else max(0, 1 - trunk.trying)


def _with_reason(trunk: TrunkLoad, lanes: Sequence[Lane], grants: dict[str, int], now: datetime) -> Plan:
    allowed = _allowed_by_rate(trunk, now)
    to_try = _allowed_to_try(trunk)
    total = sum(grants.values())
    next_slot = _next_slot(trunk, total, now)
    wanted = sum(lane.wants for lane in lanes)
    if wanted <= total:
        return Plan(grants, next_slot_at=next_slot)
    if to_try is not None and total >= to_try:
        return Plan(grants, Hold.TRYING, next_slot_at=next_slot)
    if allowed is not None and total >= allowed:
        return Plan(grants, Hold.RATE, wake_at=next_slot, next_slot_at=next_slot)
    kept_back = Hold.RESERVED if trunk.unread_since is None else Hold.UNREAD
    hold = Hold.FULL if total >= trunk.free else kept_back
    return Plan(grants, hold, next_slot_at=next_slot)


def _share(lanes: Sequence[Lane], channels: int) -> dict[str, int]:
    """Give channels one by one to the lane that is furthest below its share, highest priority first."""
    grants: dict[str, int] = {}
    for priority in sorted({lane.priority for lane in lanes}, reverse=True):
        hungry = [
            (fullness(lane.active, 0, lane.weight), lane.name, lane)
            for lane in lanes
            if lane.priority == priority and lane.wants > 0
        ]
        heapify(hungry)
        while channels > 0 and hungry:
            _, name, lane = hungry[0]
            granted = grants.get(name, 0)
            more = 1 if len(hungry) > 1 else min(channels, lane.wants - granted)
            grants[name] = granted + more
            channels -= more
            if grants[name] < lane.wants:
                heapreplace(hungry, (fullness(lane.active, grants[name], lane.weight), name, lane))
            else:
                heappop(hungry)
    return grants


def fullness(active: int, granted: int, weight: int) -> float:
    """What share of its weight a lane would use with one channel more than it holds and was granted."""
    return (active + granted + 1) / max(1, weight)


def _spacing(calls_per_second: float) -> timedelta:
    """The time from one call to the next, rounded up, so that rounding never exceeds the rate."""
    return timedelta(microseconds=ceil(1_000_000 / calls_per_second))


def _burst(trunk: TrunkLoad) -> int:
    return max(1, int((trunk.calls_per_second or 0.0) * CPS_BURST_SECONDS))


def _allowed_by_rate(trunk: TrunkLoad, now: datetime) -> int | None:
    """How many calls the rate allows at once: a generic cell rate algorithm with a small burst."""
    if not trunk.calls_per_second:
        return None
    if trunk.next_slot_at is None:
        return _burst(trunk)
    if trunk.next_slot_at > now:
        return 0
    saved = (now - trunk.next_slot_at) // _spacing(trunk.calls_per_second) + 1
    return min(_burst(trunk), saved)


def _next_slot(trunk: TrunkLoad, started: int, now: datetime) -> datetime | None:
    """When the next call may start after ``started`` more."""
    if not trunk.calls_per_second or not started:
        return trunk.next_slot_at
    spacing = _spacing(trunk.calls_per_second)
    earliest = now - spacing * (_burst(trunk) - 1)
    base = earliest if trunk.next_slot_at is None else max(trunk.next_slot_at, earliest)
    return base + spacing * started
