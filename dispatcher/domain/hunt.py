"""Which of several trunks takes a call. Pure: the order, the loads and the time are arguments.

Trunks that can carry a call form its hunt order. The first that can start a call now takes it; one
further down takes what those before it can't: they are down, paused, full or at their rate. Trunks
of the same rank share. A trunk is named by its key, ``pbx/trunk``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.pacing import TrunkLoad, startable

SUSPECT_FOR = timedelta(minutes=5)
"""For so long after a block alarms leave the trying out of a trunk to campaigns, where they can."""

_Place = tuple[bool, bool, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that is due, as far as it matters to which trunk it goes.

    ``avoid`` is the trunk whose own doing ended its last attempt, ``able`` the trunks that can carry
    it, None for all of its lane.
    """

    avoid: str = ""
    able: frozenset[str] | None = None


@dataclass(slots=True)
class Room:
    """How many calls one trunk could start now: ``all`` of any kind, ``campaigns`` of campaigns'."""

    all: int = 0
    campaigns: int = 0
    suspect: bool = False
    """Whether it has just been blocked and nothing but a call can show that it works again, or nobody
    reads what becomes of its calls."""

    def has(self, *, is_alarm: bool) -> bool:
        """Whether a call of this kind could start."""
        return self.all > 0 and (is_alarm or self.campaigns > 0)

    def take(self) -> None:
        """Use a channel up."""
        self.all -= 1
        self.campaigns -= 1


def room_of(load: TrunkLoad, now: datetime) -> Room:
    """What a trunk could start now."""
    room = startable(load, now)
    just_blocked = load.blocked_until is not None and load.blocked_until + SUSPECT_FOR > now
    untried = load.trying is not None and not load.vouched and just_blocked
    return Room(room, min(room, load.for_campaigns), untried or load.unread_since is not None)


def spare(here: str, order: Mapping[str, int], rooms: Mapping[str, Room], *, is_alarm: bool) -> int:
    """How many calls the trunks before ``here`` could take: so many more are to be looked at."""
    before = (rooms[key] for key in order if order[key] < order[here] and key in rooms)
    return sum(max(0, room.all if is_alarm else room.campaigns) for room in before)


def mine(
    here: str, wishes: Sequence[Wish], order: Mapping[str, int], rooms: Mapping[str, Room], *, is_alarm: bool
) -> list[bool]:
    """For each call, in their order, whether the trunk ``here`` takes it, and does not leave it to another.

    ``order`` has the rank of every trunk that may carry this lane. The channels of the others, in
    ``rooms``, are used up by what is left to them.
    """
    return [_is_mine(here, wish, order, rooms, is_alarm=is_alarm) for wish in wishes]


def _is_mine(
    here: str, wish: Wish, order: Mapping[str, int], rooms: Mapping[str, Room], *, is_alarm: bool
) -> bool:
    own = _place(here, wish, order, rooms, is_alarm=is_alarm)
    better = [
        (place, key)
        for key in _open(here, wish, order, rooms, is_alarm=is_alarm)
        if (place := _place(key, wish, order, rooms, is_alarm=is_alarm)) < own
    ]
    if not better:
        return True
    rooms[min(better)[1]].take()
    return False


def _open(
    here: str, wish: Wish, order: Mapping[str, int], rooms: Mapping[str, Room], *, is_alarm: bool
) -> Iterable[str]:
    """The other trunks that could start the call now."""
    return (
        key
        for key, room in rooms.items()
        if key != here
        and key in order
        and room.has(is_alarm=is_alarm)
        and (wish.able is None or key in wish.able)
    )


def _place(
    key: str, wish: Wish, order: Mapping[str, int], rooms: Mapping[str, Room], *, is_alarm: bool
) -> _Place:
    """Where a trunk stands for a call; the least is asked first, equal ones share."""
    room = rooms.get(key)
    return key == wish.avoid, is_alarm and room is not None and room.suspect, order[key]
