"""The old place of dispatcher.escalation.placing."""

from dispatcher.escalation.placing import (
    Placing,
    Site,
    Unplaceable,
    Unprovable,
    check_message,
)

__all__ = [
    "Placing",
    "Site",
    "Unplaceable",
    "Unprovable",
    "check_message",
]
