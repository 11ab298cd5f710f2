"""What Asterisk itself has written down of its calls: its call detail records and its channel event log."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CDR_COLUMNS = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
)
STARTED, ANSWERED, ENDED = "CHAN_START", "ANSWER", "CHAN_END"


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the channel event log; ``at`` is a time of Unix, to the microsecond."""

    kind: str
    at: float
    uniqueid: str
    channel: str
    extra: str


@dataclass(frozen=True, slots=True)
class Interval:
    """How long a channel existed. ``end`` is None when Asterisk crashed, or the channel is still up."""

    uniqueid: str
    begin: float
    end: float | None


def cdrs(file: Path) -> list[dict[str, str]]:
    """Every call detail record."""
    if not file.exists():
        return []
    with file.open(newline="", errors="replace") as lines:
        return [dict(zip(CDR_COLUMNS, row, strict=False)) for row in csv.reader(lines)]


def cel(file: Path) -> list[Row]:
    """Every event of the log, in the order in which they were written."""
    if not file.exists():
        return []
    with file.open(newline="", errors="replace") as lines:
        return [Row(kind, float(at), *rest) for kind, at, *rest in csv.reader(lines)]


def intervals(rows: Iterable[Row], technology: str = "PJSIP/trunk-") -> list[Interval]:
    """The existence of every channel of the trunk, from its making to its removal."""
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    for row in rows:
        if row.channel.startswith(technology):
            if row.kind == STARTED:
                began[row.uniqueid] = row.at
            elif row.kind == ENDED:
                ended[row.uniqueid] = row.at
    return [Interval(key, at, ended.get(key)) for key, at in began.items()]


def most_at_once(existing: Sequence[Interval], crashes: Sequence[float] = ()) -> int:
    """The largest number of channels that existed at one moment; a crash ends all that were there."""
    moments: list[tuple[float, int]] = []
    for interval in existing:
        end = interval.end
        if end is None:
            end = min((crash for crash in crashes if crash >= interval.begin), default=float("inf"))
        # An end counts before a beginning at the same microsecond.
        moments += [(interval.begin, 1), (end, -1)]
    most = count = 0
    for _, change in sorted(moments):
        count += change
        most = max(most, count)
    return most


def occupied_seconds(existing: Sequence[Interval]) -> float:
    """All channels' existence together; those without an end count for nothing."""
    return sum(interval.end - interval.begin for interval in existing if interval.end is not None)
