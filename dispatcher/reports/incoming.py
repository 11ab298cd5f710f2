"""A report on its way in: the body as it came, and what the driver made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.domain.reports import Report, ReportEvent
from dispatcher.domain.vocabulary import Disposition
from dispatcher.pbx.protocol import Driver

UNKNOWN_WORD = "unknown"


@dataclass(slots=True)
class Incoming:
    """One pushed body. ``reports`` is empty when it could not be understood."""

    pbx: str
    body: str
    received_at: datetime
    reports: Sequence[Report] = field(default=())
    row_id: int | None = None
    """The row's id when the body is in the store already."""
    disposition: Disposition = Disposition.MALFORMED
    attempt_id: str | None = None

    @property
    def word(self) -> str:
        """The vendor's word for the event, from the family's closed set."""
        return self.reports[0].word if self.reports else UNKNOWN_WORD

    @property
    def callid(self) -> str:
        """The call that the body is about, or an empty string."""
        return self.reports[0].callid if self.reports else ""

    @property
    def serial(self) -> str:
        """The serial number of the PBX that the body names, or an empty string."""
        return self.reports[0].serial if self.reports else ""

    @property
    def restarts(self) -> bool:
        """Whether the PBX says that it has started."""
        return any(report.event is ReportEvent.BOOT for report in self.reports)

    @property
    def digest(self) -> str:
        """Eight letters that tell this body from the others of its call."""
        return hashlib.blake2b(self.body.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch that is durable: the key of the row that holds it, and its reports."""

    key: str
    items: Sequence[Incoming]


def read(driver: Driver, pbx: str, body: bytes, received_at: datetime, row_id: int | None = None) -> Incoming:
    """Parse a body with its family's driver. Never raises: what can't be understood is kept as it is."""
    text = body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    try:
        reports = driver.parse(body)
    except ValueError:
        reports = ()
    return Incoming(pbx, text, received_at, reports, row_id)
