"""The auditor: looks whether what must always hold does, mends what has one right answer, and says so."""

from dispatcher.audit.all_clear import AllClear
from dispatcher.audit.auditor import Auditor
from dispatcher.audit.invariant import Invariant
from dispatcher.audit.invariants import INVARIANTS

__all__ = ["INVARIANTS", "AllClear", "Auditor", "Invariant"]
