"""PBXs that can be asked about calls in one way or another, as a test scripts them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, PartyKind, Report, ReportEvent
from dispatcher.pbx.errors import PbxInDoubt
from dispatcher.pbx.protocol import LiveCall, Session
from dispatcher.upkeep.recovery import Recovery
from tests.scripted import NUMBER, TRUNK, BareDriver, Office, ScriptedDriver


class Keeping(ScriptedDriver):
    """Keeps call records, beside its list of live calls."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Report] = []
        self.downloads: list[tuple[datetime, datetime]] = []

    def records(self, session: Session, since: datetime, until: datetime) -> Sequence[Report]:
        self._note(session)
        self.downloads.append((since, until))
        return [row for row in self.kept if row.cdr and row.cdr.began and since <= row.cdr.began <= until]


class Naming(BareDriver):
    """Can only be asked for one call at a time, as some families."""

    def __init__(self) -> None:
        super().__init__()
        self.up: set[str] = set()
        self.asked: list[str] = []

    def live_call(self, session: Session, callid: str) -> LiveCall | None:
        self.asked.append(callid)
        return LiveCall("", NUMBER, TRUNK, PartyKind.OUTBOUND, callid=callid) if callid in self.up else None


def row(
    callid: str,
    began: datetime,
    number: str = NUMBER,
    status: CdrStatus = CdrStatus.ANSWERED,
    *,
    talk: int = 9,
    caller: str = "6500",
    trunk: str = TRUNK,
    kind: PartyKind = PartyKind.OUTBOUND,
) -> Report:
    """A record as a driver has downloaded it."""
    talked = talk if status is CdrStatus.ANSWERED else 0
    cdr = Cdr(status, number, caller, talked, trunk, "", "", kind, talked + 4, began)
    return Report(ReportEvent.CDR, "NewCdr", callid, cdr=cdr)


def live(number: str = NUMBER, leg: str = "9.9", callid: str = "", caller: str = "6500") -> LiveCall:
    """An outbound call in the list."""
    return LiveCall(leg, number, TRUNK, PartyKind.OUTBOUND, caller=caller, callid=callid)


def lose_answers(office: Office) -> None:
    """From now on the PBX answers no dial request."""

    def lose(order: object) -> str:
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    office.driver.on_dial = lose


def recovery_of(office: Office) -> Recovery:
    return Recovery(office.core, office.sessions, office.pbxes, office.inbox)


def pass_time(office: Office, seconds: float, step: float = 1.0) -> None:
    """Let upkeep sweep once a ``step`` for so long."""
    recovery, end = recovery_of(office), office.clock() + timedelta(seconds=seconds)
    recovery.sweep("hq")
    while office.clock() < end:
        office.clock.move(seconds=step)
        recovery.sweep("hq")
