"""The auditor: looks whether what must always hold does, mends what has one right answer, and says so."""

from dispatcher.audit.auditor import Auditor
from dispatcher.audit.heartbeat import Heartbeat
from dispatcher.audit.invariant import Invariant
from dispatcher.audit.invariants import INVARIANTS

__all__ = ["INVARIANTS", "Auditor", "Heartbeat", "Invariant"]
