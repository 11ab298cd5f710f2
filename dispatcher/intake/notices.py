"""What a monitoring system says of one alert, whatever the product: the form in which intake takes it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from dispatcher.domain.vocabulary import Severity

LONGEST_SUMMARY = 500
LONGEST_KEY = 500
MOST_LABELS = 100
LONGEST_LABEL_NAME = 200
LONGEST_LABEL = 2000
FOR_EVER = timedelta.max


class Says(StrEnum):
    """What a notice says of the alarm with its key."""

    FIRING = "firing"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    """Somebody has it in hand, as the sender knows."""
    CALLED_OFF = "called_off"
    """Nobody is to be called for it any more, until it fires again: planned work has begun."""
    WELL = "well"
    """All is well: an alarm that is in hand is over, and else there is nothing to say."""
    NOTED = "noted"
    """Something to be known, that changes nothing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert of a notification. ``dedup_key`` is the same in all messages of an episode.

    ``labels`` are what silences, inhibitions and groups match; ``by`` is who acted there, ``why`` what
    they wrote.
    """

    dedup_key: str
    says: Says
    summary: str
    severity: Severity
    details: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    late_for: timedelta = timedelta(0)
    """How long after the alarm's end "firing" is a late repeat of the episode that has ended, and calls
    nobody. Zero where the key names a thing that may fail again, and not an episode of it."""
    said_at: datetime | None = None
    """When the sender said it, where it tells: what is older than the last word on a key is too late."""
    by: str = ""
    why: str = ""

    @property
    def firing(self) -> bool:
        """Whether people are to be called."""
        return self.says is Says.FIRING


def shortened(text: str, longest: int = LONGEST_SUMMARY) -> str:
    """``text`` on one line, as long as a summary may be."""
    line = " ".join(text.split()) or "an alert without a name"
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def instant(at: datetime | None) -> str:
    """A moment in one spelling, since two messages of an episode may write it in different zones."""
    if at is None:
        return ""
    known = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    try:
        return known.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return known.isoformat()


def fitting(labels: dict[str, str]) -> dict[str, str]:
    """As many labels, and as much of each, as an alarm may have: none is worth losing the alarm."""
    kept = {name[:LONGEST_LABEL_NAME]: value[:LONGEST_LABEL] for name, value in labels.items() if name}
    return dict(list(kept.items())[:MOST_LABELS])
