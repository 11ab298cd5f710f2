"""The test stand: servers for all runs, and a fresh database, PBX and system for each."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from bench.pbx import Pbx, PbxPlan
from bench.processes import Program, cpu_seconds
from bench.systems import Place, StoreKind, System
from tests.services import PostgresServer, RedisServer

Make = Callable[[Place], System]


@dataclass(frozen=True, slots=True)
class Run:
    """A system that is up, with its PBX."""

    system: System
    pbx: Pbx
    place: Place
    servers: dict[str, int]

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far, by group of processes."""
        pids = {program.name: program.pid for program in self.programs} | self.servers
        own = os.times()
        return {name: cpu_seconds([pid]) for name, pid in pids.items()} | {"bench": own.user + own.system}

    @property
    def programs(self) -> list[Program]:
        """Every program of ours in this run."""
        return [self.pbx.program, *self.system.programs]

    def check(self) -> None:
        """ProgramFailed when one of them has died."""
        for program in self.programs:
            program.check()


class Stand:
    """PostgreSQL and Redis, private and on loopback, for as long as the `with` block lasts.

    PostgreSQL waits for the disk at every commit (`fsync` and `synchronous_commit` on), as SQLite does
    (`synchronous=FULL`), so that both pay for what a power cut would cost.
    """

    def __init__(self, stores: set[StoreKind]) -> None:
        self._stack = ExitStack()
        self._postgres = PostgresServer(fsync=True) if StoreKind.POSTGRES in stores else None
        self._redis = RedisServer()
        self._number = 0

    def __enter__(self) -> "Stand":
        self._stack.enter_context(self._redis)
        if self._postgres is not None:
            self._stack.enter_context(self._postgres)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def run(self, store: StoreKind, plan: PbxPlan, make: Make) -> Iterator[Run]:
        """Start a PBX and a system on an empty database; everything is stopped at the end."""
        self._number += 1
        folder = self._folder / f"run-{self._number}"
        folder.mkdir()
        with redis.Redis.from_url(self._redis.url) as client:
            client.flushall()
        with ExitStack() as stack:
            pbx = Pbx(plan, folder)
            stack.callback(pbx.stop)
            pbx.start()
            place = Place(store, folder, self._database(store, folder), self._redis.url, pbx.url)
            system = make(place)
            stack.callback(system.stop)
            system.start()
            yield Run(system, pbx, place, self._servers(store))
        self._drop_database(store)

    def _database(self, store: StoreKind, folder: Path) -> str:
        if store is StoreKind.SQLITE or self._postgres is None:
            return f"sqlite:///{folder / 'bench.db'}"
        return self._postgres.create_database(f"bench_{self._number}")

    def _drop_database(self, store: StoreKind) -> None:
        if store is StoreKind.POSTGRES and self._postgres is not None:
            self._postgres.drop_database(f"bench_{self._number}")

    def _servers(self, store: StoreKind) -> dict[str, int]:
        servers = {"redis": self._redis.pid}
        if store is StoreKind.POSTGRES and self._postgres is not None:
            servers["postgres"] = self._postgres.pid
        return servers
