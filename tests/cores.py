"""A core for tests: one PBX with a trunk, a clock that can be set, and messages that are only noted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from dispatcher.config import Settings
from dispatcher.core import Core, write_counts
from dispatcher.domain.facts import Facts
from dispatcher.domain.vocabulary import Phase
from dispatcher.ledger.entry import Ledger, News
from dispatcher.lines import Line
from dispatcher.metrics.counting import Count, SharedCount
from dispatcher.pacer import claim as pacer
from dispatcher.signals import LocalSignals
from dispatcher.store import trunks
from dispatcher.store.attempts import lock_cases
from dispatcher.store.beside import arrivals_of
from dispatcher.store.engine import Store
from dispatcher.store.requests import Requests
from dispatcher.store.tables import Attempt, table

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

TRUNK = {"name": "SPS-6-36", "channels": 30, "reserved_for_alarms": 4, "extension": "1000"}
PBX = {
    "name": "hq",
    "family": "yeastar-s",
    "url": "http://127.0.0.1:8088",
    "username": "api",
    "password": "the PBX's password",
    "trunk": [TRUNK],
}
POLICY = {
    "name": "night-shift",
    "to": [{"number": "+31612345678"}, {"extension": "1002"}],
    "message": {"ivr": "6500"},
}


class SettableClock:
    """Stands still until it is set or moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> datetime:
        """Move ahead by a timedelta's arguments."""
        self.now += timedelta(**span)
        return self.now


class RecordingMessages:
    """Notes what the dial workers would have been sent."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, bool]] = []
        self.hung_up: list[str] = []
        self.transferred: list[str] = []

    def dial(self, attempt_ids: Sequence[str], *, urgent: bool, together: int = 1) -> None:
        self.dialled += [(attempt_id, urgent) for attempt_id in attempt_ids]

    def dial_at_once(self, attempt_ids: Sequence[str]) -> None:
        self.dial(attempt_ids, urgent=False)

    def hang_up(self, attempt_ids: Sequence[str]) -> None:
        self.hung_up += attempt_ids

    def transfer(self, attempt_ids: Sequence[str]) -> None:
        self.transferred += attempt_ids


def settings_for(url: str, **sections: Any) -> Settings:
    """Settings with one PBX and one policy, unless ``sections`` say otherwise."""
    return Settings(**({"store": {"url": url}, "pbx": [PBX], "policy": [POLICY]} | sections))


def make_core(url: str, clock: SettableClock | None = None, **sections: Any) -> Core:
    """A core as one process has it, with the configured trunks in the store."""
    settings = settings_for(url, **sections)
    store = Store(url)
    core = Core(
        settings=settings,
        store=store,
        arrivals=arrivals_of(store),
        signals=LocalSignals(),
        messages=RecordingMessages(),
        clock=clock or SettableClock(),
        ledger=Ledger(
            requests=Requests(),
            settle=timedelta(seconds=2),
            trunks=frozenset((pbx.name, trunk.name) for pbx in settings.pbx for trunk in pbx.trunk),
        ),
        counts=SharedCount(),
    )
    configured = [
        trunks.Configured(
            pbx.name, trunk.name, trunk.channels, trunk.reserved_for_alarms, trunk.calls_per_second
        )
        for pbx in settings.pbx
        for trunk in pbx.trunk
    ]
    internal = [trunks.Configured(pbx.name, "", pbx.internal_channels, 0, None) for pbx in settings.pbx]
    with core.store.write() as tx:
        trunks.sync(tx, core.clock(), [*configured, *internal])
    return core


def claim(core: Core, trunk: str = "SPS-6-36") -> list[str]:
    """What the pacer does: give the trunk's free channels to the calls that are due."""
    trunk_of = next((item for item in core.settings.pbx[0].trunk if item.name == trunk), None)
    line = Line(core.settings.pbx[0].name, trunk, channels=trunk_of.channels if trunk_of else 10)
    with core.store.write() as tx:
        claimed = pacer.claim(tx, core.clock(), line)
    return [*claimed.alarms, *claimed.campaigns]


def set_attempt(core: Core, attempt_id: str, **columns: Any) -> None:
    """What a dial worker's transactions do to an attempt's row."""
    attempts = table(Attempt)
    with core.store.write() as tx:
        tx.execute(update(attempts).where(attempts.c.id == attempt_id).values(**columns))


def accept(core: Core, attempt_id: str, callid: str) -> None:
    """The PBX has answered the dial request with a callid."""
    now = core.clock()
    set_attempt(core, attempt_id, phase=Phase.UP, callid=callid, dialed_at=now, accepted_at=now)


def learn(core: Core, attempt_id: str, **facts: Any) -> None:
    """What the reports' inbox does with news of an attempt."""
    with core.store.write() as tx:
        [case] = lock_cases(tx, core.ledger.requests, table(Attempt).c.id == attempt_id)
        count = Count()
        aftermath = core.ledger.enter(tx, core.clock(), [News(case, Facts(**facts))], count)
        write_counts(tx, count)
    core.after(aftermath)
