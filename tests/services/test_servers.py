"""The private servers do what other tests rely on: die, come back with or without data, leave nothing."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.services import PostgresServer, PrometheusServer, RedisServer, ServiceMissing
from tests.services.fixtures import without_service
from tests.services.guard import alive

WAIT_SECONDS = 15.0
SERVED_BY_A_VICTIM = """
import sys, time
from tests.services import PostgresServer, RedisServer
server = {"redis": RedisServer, "postgres": PostgresServer}[sys.argv[1]]().start()
print(server.pid, server.folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    try:
        with PostgresServer() as server:
            yield server
    except ServiceMissing as error:
        without_service(error)


@pytest.fixture
def durable_redis() -> Iterator[RedisServer]:
    try:
        with RedisServer(durable=True) as server:
            yield server
    except ServiceMissing as error:
        without_service(error)


def eventually(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def test_postgres_keeps_what_was_committed_through_a_kill(postgres: PostgresServer) -> None:
    url = postgres.create_database("kept").replace("+psycopg", "")
    with psycopg.connect(url) as session:
        session.execute("CREATE TABLE report (id int)")
        session.execute("INSERT INTO report VALUES (7)")
    port = postgres.port

    postgres.kill()
    assert not postgres.running
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres.start()

    assert postgres.port == port
    with psycopg.connect(url) as session:
        assert session.execute("SELECT id FROM report").fetchall() == [(7,)]


def test_postgres_listens_on_its_socket_as_well(postgres_server: PostgresServer) -> None:
    folder, port = str(postgres_server.socket_folder), postgres_server.port
    with psycopg.connect(host=folder, port=port, user="dispatcher", dbname="postgres") as session:
        assert session.execute("SELECT inet_server_addr()").fetchone() == (None,)


def test_postgres_waits_for_the_disk_only_when_asked(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url().replace("+psycopg", "")) as session:
        assert session.execute("SHOW fsync").fetchone() == ("off",)
    with (
        PostgresServer(fsync=True, settings={"max_connections": "17"}) as server,
        psycopg.connect(server.url().replace("+psycopg", "")) as session,
    ):
        assert session.execute("SHOW fsync").fetchone() == ("on",)
        assert session.execute("SHOW max_connections").fetchone() == ("17",)


def test_a_copied_database_is_independent_of_its_template(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database("template_of_two").replace("+psycopg", "")
    with psycopg.connect(template) as session:
        session.execute("CREATE TABLE trunk (name text)")
    postgres_server.freeze_database("template_of_two")
    copies = [
        postgres_server.create_database(name, "template_of_two").replace("+psycopg", "")
        for name in ("a", "b")
    ]
    with psycopg.connect(copies[0]) as session:
        session.execute("INSERT INTO trunk VALUES ('SPS-6-36')")
    with psycopg.connect(copies[1]) as session:
        assert session.execute("SELECT count(*) FROM trunk").fetchone() == (0,)
    for name in ("a", "b", "template_of_two"):
        postgres_server.drop_database(name)


def test_redis_loses_everything_when_it_is_killed(redis_server: RedisServer) -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        client.set("wake-up", "1")
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("wake-up")
        server.start()
        assert client.get("wake-up") is None


def test_durable_redis_comes_back_with_its_data(durable_redis: RedisServer) -> None:
    with redis.Redis.from_url(durable_redis.url) as client:
        client.set("wake-up", "1")
        durable_redis.restart()
        assert client.get("wake-up") == b"1"


@pytest.mark.parametrize("round_", ["first", "second"])
def test_each_test_gets_an_empty_redis(redis_url: str, round_: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set(round_, "left behind")


def test_prometheus_answers_until_it_is_stopped(prometheus_binary: Path) -> None:
    with PrometheusServer("global: {scrape_interval: 1s}") as server:
        with urllib.request.urlopen(f"{server.url}/api/v1/query?query=vector(7)", timeout=5) as answer:
            assert json.load(answer)["data"]["result"][0]["value"][1] == "7"
        folder, pid = server.folder, server.pid
    assert not alive(pid)
    assert not folder.exists()


@pytest.mark.parametrize("service", ["redis", "postgres"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_a_test_run_that_was_killed(
    service: str, how: signal.Signals, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SERVED_BY_A_VICTIM, service], cwd=root, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        pid, folder = victim.stdout.readline().split()
        assert alive(int(pid))
        victim.send_signal(how)
    assert eventually(lambda: not _lives(int(pid)))
    assert eventually(lambda: not Path(folder).exists())


def _lives(pid: int) -> bool:
    """Alive, and not merely waiting to be collected by whatever is process 1 here."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return alive(pid) and not Path("/proc/self").exists()
    return state.rsplit(")", 1)[1].split()[0] != "Z"
