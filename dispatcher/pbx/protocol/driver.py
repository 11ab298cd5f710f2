"""What the core needs of every family."""

from collections.abc import Callable, Sequence
from typing import Protocol

from dispatcher.domain.reports import Report
from dispatcher.pbx.protocol.account import Session
from dispatcher.pbx.protocol.capabilities import Capabilities
from dispatcher.pbx.protocol.orders import Accepted, DialOrder

Observe = Callable[[str, str, float], None]
"""Called after every request with (operation, result, seconds), for the metrics."""


class Driver(Protocol):
    """What the core needs of every family.

    Every method that talks to the PBX raises :class:`~dispatcher.pbx.errors.PbxRefused` or
    :class:`~dispatcher.pbx.errors.PbxInDoubt` and nothing else; an expired session is ``PbxRefused``
    with ``Reason.TOKEN_INVALID``. None of them repeats a request by itself. All are thread-safe.
    """

    family: str
    capabilities: Capabilities
    report_words: Sequence[str]
    """The closed set of ``Report.word`` values, for the metrics' labels."""
    operations: Sequence[str]
    """The closed set of operation names, for the metrics' labels."""

    def login(self) -> Session:
        """Log in and point the PBX's reports at us."""
        ...

    def keep_alive(self, session: Session) -> Session | None:
        """Refresh the session before it lapses and point the reports at us again.

        Returns the session that has taken its place, or None where it goes on as it is.
        """
        ...

    def logout(self, session: Session) -> None:
        """End the session."""
        ...

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        """Place one call and return its callid. Sent once, never repeated."""
        ...

    def parse(self, body: bytes) -> Sequence[Report]:
        """Turn one pushed body into reports.

        Tolerant of everything that FACTS calls a quirk. Raises ``ValueError`` when the body can't be
        understood at all; an unknown event is a report with ``ReportEvent.OTHER``.
        """
        ...

    def close(self) -> None:
        """Drop the connections."""
        ...
