"""Everything that is looked at, in the order in which it is mended."""

from dispatcher.audit.attempts import ATTEMPTS
from dispatcher.audit.calls import CALLS
from dispatcher.audit.owners import OWNERS
from dispatcher.audit.reach import REACH
from dispatcher.audit.trunks import TRUNKS

INVARIANTS = (*ATTEMPTS, *CALLS, *OWNERS, *TRUNKS, *REACH)
