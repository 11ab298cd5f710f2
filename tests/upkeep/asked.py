"""PBXs that can be asked about calls in one way or another, as a test scripts them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import Cdr, CdrStatus, PartyKind, Report, ReportEvent
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.pbx.protocol import DialOrder, LiveCall, Session
from dispatcher.store.tables import Event, table
from dispatcher.upkeep.recovery import Recovery
from tests.scripted import NUMBER, TRUNK, BareDriver, Office, ScriptedDriver, whole_call

OTHER = "31687654321"
"""Somebody else's number than ``NUMBER``."""

events = table(Event)


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


def no_answer(session: Session) -> None:
    """A PBX that takes a request and is not heard of again."""
    raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")


def no_connection(session: Session) -> None:
    """A PBX that is away."""
    raise PbxRefused(Reason.PBX_AWAY, "no connection")


def lose_answers(office: Office) -> None:
    """From now on the PBX answers no dial request."""

    def lose(order: DialOrder) -> str:
        raise PbxInDoubt(Reason.TIMED_OUT, "no answer in time")

    office.driver.on_dial = lose


def in_doubt(office: Office, *, alarm: bool = False, number: str = NUMBER) -> str:
    """A dial that was not answered."""
    lose_answers(office)
    (office.alarm if alarm else office.campaign)(number)
    [attempt] = office.dialled()
    return attempt


def familiar(office: Office, pbx: Keeping) -> None:
    """An earlier call of ours that rang, was recorded, and whose record the PBX still has."""
    office.driver.on_dial = lambda order: "1543289000.1"
    office.alarm(OTHER)
    office.dialled()
    office.take(*whole_call("1543289000.1", OTHER))
    pbx.kept.append(row("1543289000.1", office.clock(), OTHER))
    office.clock.move(minutes=2)


def told(office: Office, attempt: str) -> list[str]:
    """What the events say of the questions about an attempt."""
    rows = office.rows(Event, events.c.attempt_id == attempt, events.c.name == "asked")
    return [event.cause for event in sorted(rows, key=lambda event: event.id)]


def recovery_of(office: Office) -> Recovery:
    return Recovery(office.core, office.sessions, office.pbxes, office.inbox)


def pass_time(office: Office, seconds: float, step: float = 1.0) -> None:
    """Let upkeep sweep once a ``step`` for so long."""
    recovery, end = recovery_of(office), office.clock() + timedelta(seconds=seconds)
    recovery.sweep("hq")
    while office.clock() < end:
        office.clock.move(seconds=step)
        recovery.sweep("hq")
