"""A PBX whose every answer a test writes, an office around it, and the reports that it would post."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from dispatcher.core import Core
from dispatcher.dialer import Dialer, HangUp
from dispatcher.lines import Line
from dispatcher.pacer.claim import claim
from dispatcher.pbx.protocol import Accepted, DialOrder, LiveCall, PbxAccount, Session, TrunkState
from dispatcher.pbx.registry import CAPABILITIES
from dispatcher.pbx.yeastar_s.reports import REPORT_WORDS, parse
from dispatcher.reports import Inbox
from dispatcher.reports.incoming import Incoming, read
from dispatcher.sessions import Pbx, Sessions
from dispatcher.store import tallies
from dispatcher.store.ids import new_id
from dispatcher.store.tables import Attempt, Call, RawReport, table
from tests.cores import START, RecordingMessages, SettableClock, make_core
from tests.store import rows

TRUNK = "SPS-6-36"
SERIAL = "369362089179"
NUMBER = "31612345678"

attempts, calls, raw_reports = table(Attempt), table(Call), table(RawReport)


class BareDriver:
    """Speaks to no network: a test says what the PBX answers, and reads what it was asked.

    It can't ask which calls are live: how that is done is left to the classes derived from it.
    """

    family = "yeastar-s"
    capabilities = CAPABILITIES["yeastar-s"]
    report_words: Sequence[str] = REPORT_WORDS
    operations: Sequence[str] = ()

    def __init__(self) -> None:
        self.orders: list[DialOrder] = []
        self.tokens: list[str] = []
        """The token of each request that needs one, in order."""
        self.logins = 0
        self.heartbeats = 0
        self.hung_up: list[str] = []
        self.live: list[LiveCall] = []
        self.questions = 0
        """How often the PBX was asked for its live calls."""
        self.trunk_states: list[TrunkState] = []
        self.on_dial: Callable[[DialOrder], str] = lambda order: f"1543289641.{len(self.orders)}"
        self.on_login: Callable[[], None] = lambda: None
        self.on_request: Callable[[Session], None] = lambda session: None
        self._guard = threading.Lock()

    def login(self) -> Session:
        with self._guard:
            self.logins += 1
            token = f"token-{self.logins}"
        self.on_login()
        return Session(token)

    def keep_alive(self, session: Session) -> None:
        self._note(session)
        self.heartbeats += 1

    def logout(self, session: Session) -> None:
        self._note(session)

    def dial(self, session: Session, order: DialOrder) -> Accepted:
        self._note(session)
        with self._guard:
            self.orders.append(order)
        return Accepted(self.on_dial(order))

    def trunks(self, session: Session) -> Sequence[TrunkState]:
        self._note(session)
        return self.trunk_states

    def hang_up_leg(self, session: Session, leg: str) -> None:
        self._note(session)
        self.hung_up.append(leg)

    def hang_up_extension(self, session: Session, extension: str, callid: str) -> None:
        self._note(session)
        self.hung_up.append(extension)

    def parse(self, body: bytes) -> Any:
        return parse(body)

    def close(self) -> None:
        return None

    def _note(self, session: Session) -> None:
        with self._guard:
            self.tokens.append(session.token)
        self.on_request(session)


class ScriptedDriver(BareDriver):
    """Asks for a list of the live calls, as most families do."""

    def live_calls(self, session: Session) -> Sequence[LiveCall]:
        self._note(session)
        self.questions += 1
        return list(self.live)


@dataclass
class Office:
    """One process's parts around a scripted PBX, and short words for what tests do with them."""

    core: Core
    clock: SettableClock
    driver: BareDriver
    pbxes: dict[str, Pbx]
    sessions: Sessions
    inbox: Inbox
    dialer: Dialer
    hang_up: HangUp
    lines: dict[tuple[str, str], Line]
    campaigns: list[str] = field(default_factory=list)

    @property
    def messages(self) -> RecordingMessages:
        assert isinstance(self.core.messages, RecordingMessages)
        return self.core.messages

    def campaign(self, *numbers: str, **columns: Any) -> str:
        """A running campaign that calls these numbers, now."""
        identity = new_id()
        plain = {"trunks": None, "windows": None, "max_concurrent": None, "retry": None}
        with self.core.store.write() as tx:
            rows.add(tx, "campaigns", id=identity, **(plain | columns))
            for number in numbers:
                self._call(tx, campaign_id=identity, number=f"+{number}")
        self.campaigns.append(identity)
        return identity

    def alarm(self, *targets: str, **columns: Any) -> str:
        """An open alarm that calls these numbers, extensions (four digits) and users (names), now."""
        identity = new_id()
        plain = {"dedup_key": None, "expires_at": None, "retry": None}
        with self.core.store.write() as tx:
            rows.add(tx, "alarms", id=identity, **(plain | columns))
            for target in targets:
                kind: dict[str, Any] = {"number": f"+{target}"}
                if not target.isdigit():
                    kind = {"number": None, "pbx_user": target, "pbx": "hq"}
                elif len(target) <= 4:
                    kind = {"number": None, "extension": target, "pbx": "hq"}
                made = self._call(tx, alarm_id=identity, campaign_id=None, callee=target, **kind)
                rows.add(tx, "pages", id=made, alarm_id=identity, call_id=made, state="calling")
        return identity

    def _call(self, tx: Any, **columns: Any) -> str:
        now, identity = self.clock(), new_id()
        made = {"id": identity, "state": "queued", "due_at": now, "created_at": now, "updated_at": now}
        rows.add(tx, "calls", **(made | columns))
        return identity

    def claim(self, trunk: str = TRUNK) -> list[str]:
        """What the pacer does: attempts for the calls that may start on a line now."""
        line = self.lines["hq", trunk]
        claimed = self.core.store.transact(lambda tx: claim(tx, self.clock(), line))
        return [*claimed.alarms, *claimed.campaigns]

    def dialled(self, trunk: str = TRUNK) -> list[str]:
        """Claim and dial; the attempts."""
        claimed = self.claim(trunk)
        for attempt_id in claimed:
            self.dialer.dial(attempt_id)
        return claimed

    def incoming(self, body: bytes) -> Incoming:
        """A body as the receiver hands it on."""
        return read(self.driver, "hq", body, self.clock())

    def take(self, *bodies: bytes) -> None:
        """Reports that come in one after the other."""
        for body in bodies:
            self.inbox.take([self.incoming(body)])

    def attempt(self, attempt_id: str) -> Any:
        """One attempt's row."""
        with self.core.store.read() as tx:
            return tx.execute(select(attempts).where(attempts.c.id == attempt_id)).one()

    def call_of(self, attempt_id: str) -> Any:
        """The row of an attempt's call."""
        with self.core.store.read() as tx:
            query = select(calls).join(attempts, attempts.c.call_id == calls.c.id)
            return tx.execute(query.where(attempts.c.id == attempt_id)).one()

    def rows(self, model: Any, *conditions: Any) -> list[Any]:
        """All rows of a table for which the conditions hold."""
        with self.core.store.read() as tx:
            return list(tx.execute(select(table(model)).where(*conditions)).all())

    def rows_of_attempts(self) -> list[Any]:
        """Every attempt, in the order of their claims."""
        with self.core.store.read() as tx:
            return list(tx.execute(select(attempts).order_by(attempts.c.claimed_at, attempts.c.id)).all())

    def waiting(self) -> list[str]:
        """The batches of reports that are durable and not entered."""
        arrivals = self.core.arrivals
        arrivals.tidy(self.clock())
        return [key for key, _ in arrivals.left(datetime.max.replace(tzinfo=UTC))]

    def dispositions(self) -> list[str]:
        """What became of every report, in the order of their arrival."""
        with self.core.store.read() as tx:
            return list(tx.execute(select(raw_reports.c.disposition).order_by(raw_reports.c.id)).scalars())

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """A counter's series in the store, those that are not zero, by their label values."""
        with self.core.store.read() as tx:
            totals = tallies.totals(tx)
        return {
            tuple(json.loads(labels)): value for series, labels, value in totals if series == name and value
        }

    def reports_by_disposition(self) -> dict[str, int]:
        """``dispatcher_reports_total`` by disposition, over all events."""
        found: dict[str, int] = {}
        for (_, _, disposition), value in self.counted("dispatcher_reports_total").items():
            found[disposition] = found.get(disposition, 0) + int(value)
        return found


def make_office(
    url: str, clock: SettableClock | None = None, driver: BareDriver | None = None, **sections: Any
) -> Office:
    """One process's parts; with the same ``url``, ``clock`` and ``driver`` a second process's."""
    clock = clock or SettableClock()
    driver = driver or ScriptedDriver()
    core = make_core(url, clock, **sections)
    pbxes = {pbx.name: Pbx(account_of(pbx), driver) for pbx in core.settings.pbx}
    lines = {}
    for pbx in core.settings.pbx:
        for trunk in pbx.trunk:
            lines[pbx.name, trunk.name] = Line(
                pbx.name,
                trunk.name,
                trunk.channels,
                extension=trunk.extension,
                prefix=trunk.prefix,
                own_ids=driver.capabilities.own_ids,
            )
        own_ids = driver.capabilities.own_ids
        lines[pbx.name, ""] = Line(pbx.name, "", pbx.internal_channels, own_ids=own_ids)
    sessions = Sessions(core.store, pbxes, clock)
    extensions = {pbx.name: frozenset(trunk.extension for trunk in pbx.trunk) for pbx in core.settings.pbx}
    inbox = Inbox(core, {name: pbx.driver for name, pbx in pbxes.items()}, extensions)
    return Office(
        core,
        clock,
        driver,
        pbxes,
        sessions,
        inbox,
        Dialer(core, sessions, inbox, lines),
        HangUp(core, sessions, pbxes),
        lines,
    )


@contextmanager
def open_office(url: str, **options: Any) -> Iterator[Office]:
    """An office that gives its connections back."""
    office = make_office(url, **options)
    try:
        yield office
    finally:
        office.core.signals.close()
        office.core.store.close()


def account_of(pbx: Any, password: str | None = None) -> PbxAccount:
    """A configured PBX's account."""
    return PbxAccount(
        name=pbx.name,
        family=pbx.family,
        url=pbx.url,
        username=pbx.username,
        password=password or pbx.secret(),
        verify_tls=pbx.verify_tls,
        timezone=UTC,
        reports_url=f"http://127.0.0.1:8260/reports/{pbx.name}",
        timeout_seconds=pbx.timeout,
    )


def posted(action: str, callid: str, *parties: dict[str, Any], **fields: Any) -> bytes:
    """One report as the PBX posts it."""
    body = {"action": action, "callid": callid, **fields, "sn": SERIAL}
    if parties:
        body["call"] = list(parties)
    return json.dumps(body).encode()


def outside(number: str = NUMBER, leg: str = "", trunk: str = TRUNK, caller: str = "6500") -> dict[str, Any]:
    """The outbound party of a report."""
    return {"outbound": {"from": caller, "to": number, "trunk": trunk, "outboundid": leg or f"leg-{number}"}}


def inside(extension: str) -> dict[str, Any]:
    """An extension as a party of a report."""
    return {"ext": {"extid": extension}}


def inbound(number: str, callid: str, trunk: str = TRUNK) -> dict[str, Any]:
    """The party of somebody who calls in."""
    return {"inbound": {"from": number, "to": "6500", "trunk": trunk, "inboundid": callid}}


def ringing(callid: str, number: str = NUMBER, **options: Any) -> bytes:
    return posted("ALERT", callid, outside(number, **options))


def answered(callid: str, number: str = NUMBER) -> bytes:
    return posted("ANSWERED", callid, outside(number))


def key(callid: str, digit: str = "1", number: str = NUMBER, position: int = 0) -> bytes:
    return posted("DTMF", callid, outside(number), info=digit, flag=str(position))


def prompt_ended(callid: str, number: str = NUMBER) -> bytes:
    return posted("PlayPromptEnd", callid, playtonum=number, outbound={"trunk": TRUNK})


def bye(callid: str, number: str = NUMBER, leg: str = "") -> bytes:
    return posted("BYE", callid, outside(number, leg))


def failed(callid: str, number: str = NUMBER, reason: str = "486 Busy Here") -> bytes:
    return posted("CallFailed", callid, reason=reason, **outside(number))


def record(
    callid: str, number: str = NUMBER, *, status: str = "ANSWERED", talk: int = 9, caller: str = "6500"
) -> bytes:
    """A NewCdr."""
    return posted(
        "NewCdr",
        callid,
        timestart="2026-11-21 10:00:00",
        callfrom=caller,
        callto=number,
        callduraction=str(talk + 4),
        talkduraction=str(talk),
        desttrunkname=TRUNK,
        status=status,
        type="Outbound",
    )


def whole_call(callid: str, number: str = NUMBER) -> list[bytes]:
    """Every report of a call that was heard and acknowledged."""
    return [
        ringing(callid, number),
        answered(callid, number),
        key(callid, "1", number),
        bye(callid, number),
        record(callid, number),
    ]


def at(hour: int, minute: int = 0) -> datetime:
    """A time on the day of the tests."""
    return START.replace(hour=hour, minute=minute)
