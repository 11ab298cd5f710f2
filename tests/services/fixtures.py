"""Fixtures that give a test its own database, Redis or Prometheus; see CONTRIBUTING.

`store_url` runs a test once on SQLite and once on PostgreSQL. The `empty_…` variants have no schema yet.
A missing server skips a test on a laptop and fails it in CI.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Never, TypeVar

import pytest
import redis

from tests.services import binaries
from tests.services.binaries import ServiceMissing
from tests.services.databases import Databases
from tests.services.postgres import PostgresServer
from tests.services.process import ServerProcess
from tests.services.redis import RedisServer

TEMPLATE = "migrated"
Server = TypeVar("Server", bound=ServerProcess)
_numbers = itertools.count(1)


def without_service(error: ServiceMissing) -> Never:
    """Skip the test on a laptop; fail it in CI, where a skipped test would be a hole."""
    if os.environ.get("CI"):
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


def running(server: Server) -> Iterator[Server]:
    """The body of a fixture that runs a server as long as it lives."""
    try:
        server.start()
    except ServiceMissing as error:
        without_service(error)
    try:
        yield server
    finally:
        server.close()


def migrated_template(server: PostgresServer) -> str:
    """Bring a new database to the newest schema by the real migrations, and close it to all but copies."""
    from dispatcher.store.schema import upgrade

    url = server.create_database(TEMPLATE)
    upgrade(url)
    server.freeze_database(TEMPLATE)
    return TEMPLATE


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL. A test that kills a server starts one of its own."""
    yield from running(PostgresServer())


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The database that each test's own is a copy of."""
    return migrated_template(postgres_server)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: PostgresServer, postgres_template: str) -> Databases:
    """The databases that tests use one after the other."""
    return Databases(postgres_server, postgres_template)


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """A database of the newest schema, without rows, on PostgreSQL."""
    with postgres_databases.lent() as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database without any table, on PostgreSQL."""
    name = f"test_{next(_numbers)}"
    yield postgres_server.create_database(name)
    if postgres_server.running:
        postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file that each test's own is a copy of."""
    from dispatcher.store.schema import upgrade

    folder = tmp_path_factory.mktemp("sqlite")
    upgrade(f"sqlite:///{folder / 'dispatcher.db'}")
    return folder


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A database of the newest schema, without rows, on SQLite."""
    # The write-ahead log, if one was left beside the file, is part of the database.
    for part in sqlite_template.iterdir():
        shutil.copy(part, tmp_path / part.name)
    return f"sqlite:///{tmp_path / 'dispatcher.db'}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A database without any table, on SQLite."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A database of the newest schema, without rows, once on each store."""
    return _chosen(request, sqlite="sqlite_url", postgresql="postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest) -> str:
    """A database without any table, once on each store."""
    return _chosen(request, sqlite="empty_sqlite_url", postgresql="empty_postgres_url")


def _chosen(request: pytest.FixtureRequest, **fixtures: str) -> str:
    url: str = request.getfixturevalue(fixtures[request.param])
    return url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The session's Redis. A test that kills a server starts one of its own."""
    yield from running(RedisServer())


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    """The real Prometheus server's program; `tests.services.PrometheusServer` runs it."""
    try:
        return binaries.prometheus()
    except ServiceMissing as error:
        without_service(error)
