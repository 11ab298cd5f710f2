"""Runs each way of placing the calls, one after the other, each on an Asterisk and a database of its own."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Protocol

from bench.asterisk.calls import Placed, numbers, values_of
from bench.asterisk.plain import AsteriskPlain
from bench.asterisk.product import AsteriskProduct
from bench.asterisk.spool import Spool
from bench.machine import work_milliseconds
from bench.measures import Sample
from bench.processes import Program, cpu_seconds
from bench.systems import Place, StoreKind
from tests.asterisk.packages import NEWER, unpacked
from tests.asterisk.phones import Phones
from tests.asterisk.records import cel, intervals
from tests.asterisk.server import AsteriskServer
from tests.services import PostgresServer, RedisServer
from tests.services.process import HOST

CHANNELS = 30
TIMEOUT = 240.0
WRITTEN_SECONDS = 1.0
"""After the last call's end Asterisk has written everything down."""


class Way(Protocol):
    """A way of placing calls."""

    name: str
    settings: str

    @property
    def programs(self) -> Sequence[Program]:
        """Its processes."""
        ...

    def place(self, numbers: Sequence[str], timeout: float) -> None:
        """Place every call, and wait until each has its outcome."""
        ...

    def words(self) -> Mapping[str, str]:
        """What is said of each number's call."""
        ...


@contextmanager
def spool(place: Place, asterisk: AsteriskServer) -> Iterator[Way]:
    """Call files."""
    yield Spool(asterisk, CHANNELS)


@contextmanager
def dispatcher(place: Place, asterisk: AsteriskServer) -> Iterator[Way]:
    """The dispatcher: in one process on SQLite, a process for each role on PostgreSQL."""
    made = AsteriskProduct(place, asterisk, channels=CHANNELS)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def baseline(place: Place, asterisk: AsteriskServer) -> Iterator[Way]:
    """The baseline."""
    plain = AsteriskPlain(place, asterisk, channels=CHANNELS)
    try:
        plain.start()
        yield plain
    finally:
        plain.stop()


WAYS = (spool, dispatcher, baseline)


def measured(
    calls: int, repeats: int, stores: Sequence[StoreKind], said: Callable[[Sample], None]
) -> list[Sample]:
    """Take turns; every sample is told as soon as it is there. Call files need no store, and come once."""
    samples = []
    for _ in range(repeats):
        for store, way in product(stores, WAYS):
            if way is spool and store is not stores[0]:
                continue
            with ExitStack() as stack:
                phones = stack.enter_context(Phones(unpacked(NEWER)))
                asterisk = stack.enter_context(AsteriskServer(unpacked(NEWER), phones.sip_port))
                place, servers = _place(stack, store, f"ami://{HOST}:{asterisk.port}")
                servers |= {"asterisk": asterisk.pid, "phones": phones.pid}
                sample = Sample("asterisk", store, "", "")
                _fill(sample, stack.enter_context(way(place, asterisk)), calls, servers, asterisk, phones)
                samples.append(sample)
                said(sample)
    return samples


def _place(stack: ExitStack, store: StoreKind, pbx: str) -> tuple[Place, dict[str, int]]:
    """An empty database of its own, and the processes of the servers by name."""
    redis = stack.enter_context(RedisServer())
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
    servers = {"redis": redis.pid}
    database = f"sqlite:///{folder / 'bench.db'}"
    if store is StoreKind.POSTGRES:
        # It waits for the disk at every commit, as SQLite does.
        postgres = stack.enter_context(PostgresServer(fsync=True))
        servers["postgres"] = postgres.pid
        database = postgres.create_database("bench")
    return Place(store, folder, database, redis.url, pbx), servers


def _fill(
    sample: Sample,
    way: Way,
    calls: int,
    servers: Mapping[str, int],
    asterisk: AsteriskServer,
    phones: Phones,
) -> None:
    sample.system, sample.settings = way.name, way.settings
    sample.facts["work_ms"] = round(work_milliseconds(), 2)
    pids = {program.name: program.pid for program in way.programs} | dict(servers)
    before = {name: cpu_seconds([pid]) for name, pid in pids.items()}
    way.place(numbers(calls), TIMEOUT)
    sample.cpu = {name: round(cpu_seconds([pid]) - before[name], 3) for name, pid in pids.items()}
    time.sleep(WRITTEN_SECONDS)
    words = way.words()
    phones.stop()
    placed = Placed(words, intervals(cel(asterisk.cel_file)), phones.taken())
    sample.values = values_of(placed, CHANNELS)
    sample.facts |= {"calls": calls, "channels": CHANNELS, "placed": len(placed.channels)}
