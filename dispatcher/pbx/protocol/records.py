"""Optional: what a PBX can be asked about a call that is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from dispatcher.domain.reports import Report
from dispatcher.pbx.protocol.account import Session


@runtime_checkable
class KeepsRecords(Protocol):
    """Families whose call detail records can be fetched afterwards."""

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        """The records of all calls that began within a time (aware, both ends included), oldest first.

        Each is a report with ``ReportEvent.CDR``. A call can have several, or none yet: a record is
        written when the call is over. One query answers for all calls; it is dear, so ask seldom.
        """
        ...


@dataclass(frozen=True, slots=True)
class Endings:
    """What a PBX tells of calls that have ended, one call's first report being that it is over."""

    reports: Sequence[Report] = ()
    is_whole: bool = True
    """Whether none of those that were asked for and are not in it has ended. Where it is not, the end of one
    may never have been kept, or is written down only a while after the call."""


@runtime_checkable
class KnowsOwnCalls(Protocol):
    """Families whose calls bear the ids that we give them, so that each can be asked for whatever happened.

    A call that is neither live nor among the ends that the PBX has kept was never placed, unless the PBX was
    started again since (then the session is another).
    """

    def endings(self, session: Session, callids: Sequence[str], since: datetime) -> Endings:
        """Everything that the PBX has kept of those of these calls that have ended, begun after ``since``.

        Where it is whole, it is kept before a call is gone from the live calls, and tells all that its
        reports have told. Refused where the PBX keeps no ends.
        """
        ...
