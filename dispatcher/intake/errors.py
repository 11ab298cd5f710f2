"""The old place of dispatcher.errors."""

from dispatcher.errors import (
    Fault,
    IntakeError,
    NotPossible,
    Place,
    Refused,
    Unknown,
)

__all__ = [
    "Fault",
    "IntakeError",
    "NotPossible",
    "Place",
    "Refused",
    "Unknown",
]
