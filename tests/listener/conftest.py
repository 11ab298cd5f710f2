"""An office whose PBX is read from, and streams whose every turn a test writes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from dispatcher.domain.reasons import Reason
from dispatcher.leases import Leases
from dispatcher.listener import Listener, holding, listener
from dispatcher.pbx.errors import PbxRefused
from dispatcher.pbx.protocol import Pulled
from dispatcher.store import inquiries, streams
from dispatcher.store.tables import Inquiry, ReportStreamState
from tests.scripted import NUMBER, Office, ScriptedDriver, make_office

CALLID = "1543289641.1"
"""Of the first call that the scripted PBX accepts."""

CUT = PbxRefused(Reason.PBX_AWAY, "the stream was cut")


class ScriptedStream:
    """Gives what a test has put in, in order; an exception breaks the stream off."""

    def __init__(self, position: str) -> None:
        self.position = position
        self.is_closed = threading.Event()
        self.reads = 0
        self._turns: deque[Pulled | Exception] = deque()

    def put(self, *bodies: bytes, position: str = "", missed: bool = False) -> None:
        self._turns.append(Pulled(bodies, position, missed))

    def cut(self, error: Exception = CUT) -> None:
        self._turns.append(error)

    @property
    def unread(self) -> int:
        return len(self._turns)

    def read(self) -> Pulled:
        self.reads += 1
        if self.is_closed.is_set():
            raise CUT
        if not self._turns:
            self.is_closed.wait(0.02)
            return Pulled()
        turn = self._turns.popleft()
        if isinstance(turn, Exception):
            raise turn
        return turn

    def close(self) -> None:
        self.is_closed.set()


class PulledDriver(ScriptedDriver):
    """The scripted driver of a PBX that is read from."""

    pulls_reports = True

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[ScriptedStream] = []
        self.tries = 0
        self.on_open: Callable[[], None] = lambda: None
        self.begins_with_a_gap = False

    def open_reports(self, position: str) -> ScriptedStream:
        self.tries += 1
        self.on_open()
        stream = ScriptedStream(position)
        if self.begins_with_a_gap:
            stream.put(missed=True)
        self.streams.append(stream)
        return stream


@dataclass
class Desk:
    """One process that listens: its office and its leases."""

    office: Office
    driver: PulledDriver
    leases: Leases
    threads: list[threading.Thread] = field(default_factory=list)
    listener: Listener | None = None
    heart: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "Desk":
        office = self.office
        self.listener = Listener(office.core, office.pbxes["hq"], office.inbox, self.leases)
        self.leases.beat()
        for work in (self.listener.run, self._beat):
            thread = threading.Thread(target=work)
            thread.start()
            self.threads.append(thread)
        return self

    def stop(self, linger: float = 0.0) -> float:
        """Stop in order, with so many seconds in which it may go on reading; the seconds it took."""
        began = time.monotonic()
        assert self.listener is not None
        self.listener.leave_by(began + linger)
        self.listener.stop()
        self.threads[0].join(timeout=20)
        assert not self.threads[0].is_alive()
        self.die()
        self.leases.leave()
        return time.monotonic() - began

    def die(self) -> None:
        """Beat no more, as a process that was killed."""
        self.heart.set()
        for thread in self.threads[1:]:
            thread.join(timeout=20)

    def stream(self, number: int) -> ScriptedStream:
        """The stream that is opened as the so-manieth, from 1."""
        until(lambda: len(self.driver.streams) >= number)
        return self.driver.streams[number - 1]

    @property
    def row(self) -> Any:
        [row] = self.office.rows(ReportStreamState)
        return row

    def up(self) -> bool:
        with self.office.core.store.read() as tx:
            return streams.up(tx, self.office.clock())["hq"]

    def demanded(self) -> str:
        """Why every open call is to be asked for; empty when it is not, or somebody has begun to."""
        for row in self.office.rows(Inquiry):
            if row.wanted_at is not None:
                with self.office.core.store.write() as tx:
                    inquiries.taken_up(tx, "hq", row.wanted_at)
                return str(row.wanted_because)
        return ""

    def _beat(self) -> None:
        while not self.heart.wait(0.05):
            self.leases.beat()


@pytest.fixture
def driver() -> PulledDriver:
    return PulledDriver()


@contextmanager
def open_desk(url: str, driver: PulledDriver, name: str, **options: Any) -> Iterator[Desk]:
    office = make_office(url, driver=driver, **options)
    with office.core.store.write() as tx:
        streams.sync(tx, ["hq"])
    desk = Desk(office, driver, Leases(office.core.store, office.clock, name))
    try:
        yield desk
    finally:
        if desk.listener is not None and desk.threads[0].is_alive():
            desk.stop()
        desk.die()
        office.core.signals.close()
        office.core.store.close()


@pytest.fixture
def desk(store_url: str, driver: PulledDriver) -> Iterator[Desk]:
    with open_desk(store_url, driver, "one") as made:
        yield made


@pytest.fixture
def other(desk: Desk, store_url: str, driver: PulledDriver) -> Iterator[Desk]:
    """A second process of the same installation."""
    with open_desk(store_url, driver, "other", clock=desk.office.clock) as made:
        yield made


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(listener, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(listener, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(listener, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(listener, "_AFTER_TROUBLE", 0.02)
    monkeypatch.setattr(holding, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(holding, "NOTE_SECONDS", 0.0)


def dialled(desk: Desk) -> str:
    """An attempt that the PBX has accepted, with the callid ``CALLID``."""
    desk.office.campaign(NUMBER)
    [attempt] = desk.office.dialled()
    return attempt


def refuse(reason: Reason) -> Callable[[], None]:
    """What a PBX does that lets nobody read, for this reason."""

    def no() -> None:
        raise PbxRefused(reason, "the PBX's words")

    return no
