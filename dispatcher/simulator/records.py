"""What the judge keeps: log lines, dial requests, calls, and the channels of trunks."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple


class LogEntry(NamedTuple):
    """One line of the append-only log; `at` is monotonic, `wall` is Unix time."""

    kind: str
    at: float
    wall: float
    data: tuple[tuple[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry as a flat JSON object."""
        return {"kind": self.kind, "at": self.at, "wall": self.wall, **dict(self.data)}


@dataclass(slots=True)
class DialRecord:
    """One dial request as it came in: its parameters and what became of it."""

    endpoint: str
    number: str
    at: float
    wall: float
    callid: str = ""
    errno: str = ""
    response: str = "ok"


@dataclass(slots=True)
class CallRecord:
    """The truth about one call. `started`, `answered` and `ended` are monotonic seconds.

    `answered` means by a person or a voicemail box, whatever an analog line reports. `cause` is how
    it ended in the PBX's words, `failure` why it was not answered in the simulator's own (`Failure`), and
    `channels` how many channels of its trunk it takes. `heard_at` is the end of the first prompt, `keys_at`
    the moment of each of the `keys`.
    """

    callid: str
    outboundid: str
    kind: str
    ours: bool
    number: str
    dialled: str
    extension: str
    trunk: str
    behaviour: str
    nth_dial: int
    started: float
    started_wall: float
    answered: float | None = None
    ended: float | None = None
    passes: int = 0
    heard_in_full: bool = False
    heard_at: float | None = None
    keys: str = ""
    keys_at: list[float] = field(default_factory=list)
    cause: str = ""
    failure: str = ""
    channels: int = 1
    cdr_status: str = ""
    over_limit: bool = False
    reports: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    transferred_to: str = ""
    """Whom the callee was put through to by request: an extension, or a number as it was dialled."""

    def pressed_at(self, keys: str) -> float | None:
        """When the callee first pressed one of these keys."""
        return next((at for key, at in zip(self.keys, self.keys_at, strict=False) if key in keys), None)

    def copy(self) -> "CallRecord":
        """The record as it is now."""
        return replace(self, reports=dict(self.reports), keys_at=list(self.keys_at))


@dataclass(slots=True)
class TrunkTally:
    """Channels of one trunk, now and at most; `busy_seconds` is the sum of busy channel time of our calls."""

    name: str
    channels: int
    ours: int = 0
    others: int = 0
    peak_ours: int = 0
    peak_others: int = 0
    peak: int = 0
    placed: int = 0
    over_limit: int = 0
    busy_seconds: float = 0.0
    first_seized: float | None = None
    last_released: float | None = None

    def utilisation(self, channels: int | None = None) -> float:
        """Busy channel time over channels times makespan (first call's start to last call's end)."""
        if self.first_seized is None or self.last_released is None:
            return 0.0
        makespan = self.last_released - self.first_seized
        return self.busy_seconds / ((channels or self.channels) * makespan) if makespan > 0 else 0.0
