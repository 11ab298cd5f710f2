"""The old place of dispatcher.escalation.recipients."""

from dispatcher.escalation.recipients import (
    Asked,
    Callee,
    LeftOut,
    callable_ones,
    callees,
    e164,
)

__all__ = [
    "Asked",
    "Callee",
    "LeftOut",
    "callable_ones",
    "callees",
    "e164",
]
