"""Putting the parts of a process together from its settings. Every role is wired here, and alike."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import dramatiq
from sqlalchemy import text

from dispatcher.audit import AllClear, Auditor
from dispatcher.audit.auditor import LEASE
from dispatcher.broker import BrokerMessages
from dispatcher.clock import utc_now
from dispatcher.config import PbxSettings, Settings
from dispatcher.core import Core
from dispatcher.dialer import Dialer, HangUp, Transfer
from dispatcher.dialer.role import Dialing
from dispatcher.escalation.escalator import Escalator
from dispatcher.heartbeats import Hearing
from dispatcher.leases import Leases, process_name
from dispatcher.ledger.entry import Ledger
from dispatcher.lines import Line
from dispatcher.listener import Listener
from dispatcher.metrics import catalogue
from dispatcher.metrics.counting import SharedCount
from dispatcher.outgoing import Courier, FanOut
from dispatcher.outgoing.fan_out import LEASE as OUTGOING
from dispatcher.pacer import Pacer
from dispatcher.pbx.protocol import Contexts, PbxAccount, PullsReports
from dispatcher.pbx.registry import CAPABILITIES, make_driver
from dispatcher.receiver import Receiver
from dispatcher.receiver.senders import sender_of
from dispatcher.reports import Inbox
from dispatcher.sessions import Pbx, Sessions
from dispatcher.signals import make_signals
from dispatcher.store import schema, streams, trunks
from dispatcher.store.beside import arrivals_of
from dispatcher.store.engine import Store, is_outage
from dispatcher.store.requests import Requests
from dispatcher.upkeep import Upkeep

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a process of any role may need."""

    core: Core
    pbxes: dict[str, Pbx]
    lines: dict[tuple[str, str], Line]
    sessions: Sessions
    inbox: Inbox
    dialer: Dialing
    hang_up: HangUp
    transfer: Transfer
    leases: Leases

    def pacer(self) -> Pacer:
        """A pacer for every line."""
        return Pacer(self.core, list(self.lines.values()))

    def escalator(self) -> Escalator:
        """What takes alarms further when their time has come."""
        return Escalator(self.core)

    def upkeep(self) -> Upkeep:
        """Upkeep for every PBX."""
        return Upkeep(self.core, self.sessions, self.pbxes, self.inbox, self.leases)

    def auditor(self) -> Auditor:
        """The auditor; of several processes one audits at a time."""
        self.leases.want(LEASE)
        url = self.core.settings.audit.all_clear_url()
        all_clear = AllClear(url) if url else None
        return Auditor(self.core, self.inbox, all_clear, is_ours=partial(self.leases.holds, LEASE))

    def hearing(self) -> Hearing:
        """What notes that this process can be told of heartbeats."""
        return Hearing(self.core)

    def outgoing(self) -> tuple[FanOut, Courier]:
        """What tells other systems; of several processes one does at a time."""
        self.leases.want(OUTGOING)
        is_ours = partial(self.leases.holds, OUTGOING)
        courier = Courier(self.core, is_ours=is_ours)
        return FanOut(self.core, is_ours=is_ours, on_news=courier.wake), courier

    def listeners(self) -> list[Listener]:
        """A listener for every PBX whose reports are fetched."""
        return [Listener(self.core, self.pbxes[name], self.inbox, self.leases) for name in self.pulled()]

    def pulled(self) -> list[str]:
        """The PBXs whose reports are fetched, since they do not post them."""
        return [
            name
            for name, pbx in self.pbxes.items()
            if isinstance(pbx.driver, PullsReports) and pbx.driver.pulls_reports
        ]

    def receiver(self) -> Receiver:
        """What takes the reports that PBXs post."""
        settings = self.core.settings
        senders = [sender_of(pbx.name, pbx.address, pbx.serial, pbx.report_sources) for pbx in settings.pbx]
        return Receiver(
            self.core, self.inbox, senders, {name: pbx.driver for name, pbx in self.pbxes.items()}
        )

    def close(self) -> None:
        """Give back every connection."""
        self.core.signals.close()
        for pbx in self.pbxes.values():
            pbx.driver.close()
        self.core.store.close()


def build(settings: Settings, broker: dramatiq.Broker) -> Parts:
    """Wire a process. Connects to nothing yet but Redis' signals, when somebody listens to them."""
    store = Store(settings.store.url)
    counts = SharedCount()
    pbxes = {pbx.name: _pbx(settings, pbx, counts) for pbx in settings.pbx}
    lines = {(line.pbx, line.trunk): line for line in lines_of(settings)}
    ledger = Ledger(
        requests=Requests(),
        settle=timedelta(seconds=settings.pacing.settle),
        trunks=frozenset(key for key, line in lines.items() if not line.is_internal),
    )
    core = Core(
        settings=settings,
        store=store,
        arrivals=arrivals_of(store),
        signals=make_signals(settings.broker.url),
        messages=BrokerMessages(broker),
        clock=utc_now,
        ledger=ledger,
        counts=counts,
        began=utc_now(),
    )
    sessions = Sessions(store, pbxes, utc_now)
    extensions = {
        pbx.name: frozenset(trunk.extension for trunk in pbx.trunk if trunk.extension) for pbx in settings.pbx
    }
    inbox = Inbox(core, {name: pbx.driver for name, pbx in pbxes.items()}, extensions)
    name = process_name()
    return Parts(
        core,
        pbxes,
        lines,
        sessions,
        inbox,
        Dialing(core, Dialer(core, sessions, inbox, lines), name),
        HangUp(core, sessions, pbxes),
        Transfer(core, sessions, lines),
        Leases(store, utc_now, name),
    )


def lines_of(settings: Settings) -> list[Line]:
    """Every trunk in its hunt order, and for each PBX the line to its own extensions."""
    ranks = settings.hunt_order()
    found = [
        Line(
            pbx=pbx.name,
            trunk=trunk.name,
            channels=trunk.channels,
            reserved_for_alarms=trunk.reserved_for_alarms,
            calls_per_second=trunk.calls_per_second,
            extension=trunk.extension,
            prefix=trunk.prefix,
            answer_supervision=trunk.answer_supervision,
            number_format=trunk.number_format,
            region=trunk.region or "",
            rank=ranks[pbx.name, trunk.name],
            abilities=CAPABILITIES[pbx.family],
            reports_are_fetched=pbx.reports_are_fetched,
            own_ids=CAPABILITIES[pbx.family].own_ids,
        )
        for pbx in settings.pbx
        for trunk in pbx.trunk
    ]
    found.sort(key=lambda line: line.rank)
    return found + [
        Line(
            pbx.name,
            trunks.INTERNAL,
            channels=pbx.internal_channels,
            reports_are_fetched=pbx.reports_are_fetched,
            own_ids=CAPABILITIES[pbx.family].own_ids,
        )
        for pbx in settings.pbx
    ]


def _pbx(settings: Settings, pbx: PbxSettings, counts: SharedCount) -> Pbx:
    account = PbxAccount(
        name=pbx.name,
        family=pbx.family,
        url=pbx.address,
        username=pbx.username,
        password=pbx.secret(),
        verify_tls=pbx.verify_tls,
        timezone=pbx.zone(),
        reports_url=f"{settings.reports.advertised()}/reports/{pbx.name}",
        report_transport=pbx.report_transport,
        report_port=pbx.report_port,
        webhook_secret=pbx.webhook_key(),
        prompt_volume=pbx.prompt_volume,
        timeout_seconds=pbx.timeout,
        host=pbx.host,
        port=pbx.port,
        tls=pbx.tls,
        dials={trunk.name: trunk.dial for trunk in pbx.trunk},
        extension_dial=pbx.extension_dial,
        contexts=Contexts(
            pbx.ivr_context,
            pbx.prompt_context,
            pbx.queue_context,
            pbx.ended_context,
            pbx.transfer_context,
        ),
        ring_seconds=pbx.ring_timeout,
        caller_id=pbx.caller_id,
        cdr_url=pbx.records_url(),
    )
    return Pbx(account, make_driver(account, partial(_observe, counts, pbx.name)))


def _observe(counts: SharedCount, pbx: str, operation: str, result: str, seconds: float) -> None:
    counts.observe(catalogue.PBX_REQUEST, seconds, pbx, operation, result)


def prepare_store(settings: Settings) -> None:
    """Bring the schema up to date."""
    _patiently("the database", lambda: schema.upgrade(settings.store.url))


def sync_trunks(parts: Parts) -> None:
    """Bring the configured trunks into the store."""
    configured = [
        trunks.Configured(
            line.pbx, line.trunk, line.channels, line.reserved_for_alarms, line.calls_per_second
        )
        for line in parts.lines.values()
    ]
    with parts.core.store.write() as tx:
        trunks.sync(tx, parts.core.clock(), configured)


def sync_streams(parts: Parts) -> None:
    """Bring the PBXs whose reports are fetched into the store."""
    with parts.core.store.write() as tx:
        streams.sync(tx, parts.pulled())


def wait_for_store(settings: Settings) -> None:
    """Return once the database answers and its schema is current."""

    def look() -> None:
        store = Store(settings.store.url)
        try:
            with store.read() as tx:
                tx.execute(text("SELECT 1"))
        finally:
            store.close()
        if not schema.is_current(settings.store.url):
            raise _NotMigrated("its schema is not current: run `dispatcher migrate`")

    _patiently("the database", look)


class _NotMigrated(Exception):
    """The database answers, but its schema is not there yet."""


def _patiently(what: str, attempt: Callable[[], None]) -> None:
    """Try until it works, saying each time what is missing; only an outage is waited for."""
    pause = 0.25
    while True:
        try:
            attempt()
            return
        except Exception as error:
            if not (is_outage(error) or isinstance(error, _NotMigrated)):
                raise
            reason = str(error) if isinstance(error, _NotMigrated) else _first_line(error)
            _log.warning("waiting for %s: %s (trying again in %.1f s)", what, reason, pause)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _first_line(error: BaseException) -> str:
    """The driver's own words, without the statement, and without the URL."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no answer'}"
