"""What a monitoring system says of one alert, whatever the product: the form in which intake takes it."""

from dataclasses import dataclass, field
from typing import Any

from dispatcher.domain.vocabulary import Severity

LONGEST_SUMMARY = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert, firing or resolved. ``dedup_key`` is the same in both messages of an episode."""

    dedup_key: str
    firing: bool
    summary: str
    severity: Severity
    details: dict[str, Any] = field(default_factory=dict)


def shortened(text: str) -> str:
    """``text`` on one line, as long as a summary may be."""
    line = " ".join(text.split()) or "an alert without a name"
    return line if len(line) <= LONGEST_SUMMARY else f"{line[: LONGEST_SUMMARY - 1]}…"
