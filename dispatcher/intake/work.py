"""The old place of dispatcher.work."""

from dispatcher.work import (
    Work,
    carry_out,
)

__all__ = [
    "Work",
    "carry_out",
]
