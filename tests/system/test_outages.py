"""The database or Redis is away, at the start or while running: nothing is lost, and all comes back."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dispatcher.simulator import SimulatedPbx
from tests.services import PostgresServer, RedisServer
from tests.services.fixtures import migrated_template, running
from tests.services.process import HOST, free_port
from tests.system.judgement import judge
from tests.system.processes import wait_until
from tests.system.site import ROLES, Site, number, simulated_pbx
from tests.system.truth import Trouble

CHANNELS = 5
QUICKLY = 10.0
"""An answer takes less while the database is away, on a busy machine too; who hangs takes longer."""
PACING = {"settle": 0.2, "doubt_wait": 2.0, "silence": 5.0}
WAITING = re.compile(r"waiting for the database: .+ \(trying again in ([\d.]+) s\)")


@dataclass(frozen=True)
class World:
    """Everything that runs, started while both servers were away, and what was seen then."""

    site: Site
    pbx: SimulatedPbx
    postgres: PostgresServer
    redis: RedisServer
    said_without_database: dict[str, str]
    alarm_without_redis: dict[str, Any]
    said_without_redis: str


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    yield from running(PostgresServer())


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    yield from running(RedisServer())


@pytest.fixture(scope="module")
def world(
    postgres: PostgresServer, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("outages")
    url = postgres.create_database("site", migrated_template(postgres))
    with (
        simulated_pbx(CHANNELS) as pbx,
        Site(folder, pbx.url, url, redis.url, channels=CHANNELS, timeout=1.0, pacing=PACING) as site,
    ):
        postgres.stop()
        redis.stop()
        site.launch(*ROLES)
        for role in ROLES:
            program = site.programs[role]
            program.wait(lambda program=program: len(WAITING.findall(program.said)) >= 3)  # type: ignore[misc]
        without_database = {role: site.programs[role].said for role in ROLES}
        postgres.start()
        site.wait_ready(*ROLES)
        alarm = site.raise_alarm(number(1))
        wait_until(lambda: bool(site.alarm(alarm)["calls"][0]["attempts"]), 60, "the alarm's claim")
        without_redis = site.alarm(alarm), site.programs["pacer"].said
        redis.start()
        site.alarm_over(alarm, 60)
        yield World(site, pbx, postgres, redis, without_database, *without_redis)


@pytest.fixture
def site(world: World) -> Site:
    """The site, with nothing left of another test."""
    for campaign in world.site.get("/v1/campaigns", status="running")["items"]:
        world.site.post(f"/v1/campaigns/{campaign['id']}/cancel")
    world.site.idle(60)
    world.pbx.wait_idle(60)
    world.pbx.reset()
    return world.site


def test_a_start_without_the_database_says_so_and_tries_again_later_each_time(world: World) -> None:
    for role, said in world.said_without_database.items():
        pauses = [float(pause) for pause in WAITING.findall(said)]
        assert pauses == sorted(pauses), (role, pauses)
        assert pauses[0] < pauses[2], (role, pauses)
        assert "Traceback" not in said, said
        assert str(world.postgres.port) in said, f"{role} does not say which database\n{said}"


def test_whoever_waits_for_the_database_ends_when_it_is_told(tmp_path: Path) -> None:
    nothing = f"{HOST}:{free_port()}"
    store, broker = f"postgresql+psycopg://dispatcher@{nothing}/site", f"redis://{nothing}/0"
    with Site(tmp_path, f"http://{nothing}", store, broker, channels=CHANNELS) as site:
        roles = ("up", "workers")
        site.launch(*roles)
        for role in roles:
            site.programs[role].wait_to_say("waiting for the database")
        for role in roles:
            assert site.programs[role].stop() == 0, role


def test_a_start_without_redis_takes_alarms_and_calls_when_it_is_there(world: World) -> None:
    assert world.alarm_without_redis["status"] == "open"
    assert "Redis is away" in world.said_without_redis or "the broker is away" in world.said_without_redis
    (alarm,) = world.site.get("/v1/alarms")["items"][-1:]
    after = world.site.alarm(alarm["id"])
    assert after["id"] == world.alarm_without_redis["id"]
    assert after["status"] == "acknowledged"
    assert [attempt["outcome"] for attempt in after["calls"][0]["attempts"]] == ["delivered"]


@pytest.mark.timeout(240)
def test_the_database_stops_and_comes_back(world: World, site: Site) -> None:
    pbx = world.pbx
    numbers = [number(100 + place, ("0001", "0001", "0003", "0486")[place % 4]) for place in range(60)]
    campaign = site.load(numbers, retry={"max_attempts": 2, "busy": 0, "not_heard": 0})
    waiting = site.raise_alarm(number(2, "0005"))
    site.go(campaign)
    site.wait_for_some(campaign, 12)

    world.postgres.kill()
    refused_before = pbx.judge.reports()["failed"]
    answers = [answer_of(site, "/v1/alarms", ALARM) for _ in range(4)]
    answers += [answer_of(site, "/v1/intake/alertmanager?policy=duty", ALERTS), answer_of(site, "/v1/alarms")]
    answers += [answer_of(site, "/readyz"), answer_of(site, "/metrics")]
    report = httpx.post(
        f"http://{HOST}:{site.reports_port}/reports/hq",
        json={"action": "BootUp"},
        timeout=20,
        trust_env=False,
    )
    alive = site.http.get("/healthz")
    time.sleep(2)
    refused = pbx.judge.reports()["failed"] - refused_before
    world.postgres.start()
    wait_until(lambda: site.http.get("/readyz").status_code == 200, 60, "the API's recovery")
    after = site.raise_alarm(number(3))

    for status, kind, retry_after, seconds in answers:
        assert (status, kind) == (503, "application/problem+json")
        assert int(retry_after) >= 1
        assert seconds < QUICKLY
    assert alive.status_code == 200
    assert report.status_code == 503
    assert report.headers["content-type"] == "application/problem+json"
    assert refused > 0, "the PBX had no report to repeat"
    site.campaign_over(campaign, 90)
    for alarm in (waiting, after):
        site.alarm_over(alarm, 60)
    pbx.wait_idle(60)
    site.idle(60)
    calls = site.calls(campaign)
    assert [call["number"] for call in calls] == numbers
    judge(
        pbx,
        [*calls, *(call for alarm in (waiting, after) for call in site.alarm(alarm)["calls"])],
        campaign_attempts=2,
        troubled={Trouble.ANSWER_LOST},
    )
    assert site.alarm(after)["status"] == "acknowledged"
    # Of a request that was answered with 503 nothing is there.
    assert {alarm["summary"] for alarm in site.get("/v1/alarms")["items"]} == {"Boiler 3 over-pressure"}


@pytest.mark.timeout(300)
def test_redis_is_killed_and_comes_back_empty(world: World, site: Site) -> None:
    pbx = world.pbx
    numbers = [number(200 + place) for place in range(60)]
    campaign = site.load(numbers)
    site.go(campaign)
    site.wait_for_some(campaign, 10)

    world.redis.kill()
    began = time.monotonic()
    alarm = site.raise_alarm(number(4))
    taken = time.monotonic() - began
    time.sleep(1)
    world.redis.start()
    site.alarm_over(alarm, 60)
    site.campaign_over(campaign, 60)
    pbx.wait_idle(60)
    site.idle(60)

    assert taken < QUICKLY
    calls = [*site.calls(campaign), *site.alarm(alarm)["calls"]]
    judge(pbx, calls)
    assert [call["outcome"] for call in calls] == ["delivered"] * 61
    assert [len(call["attempts"]) for call in calls] == [1] * 61
    doubts = site.http.get("/metrics").text
    assert 'dispatcher_attempts_in_doubt{pbx="hq"} 0.0' in doubts


ALARM = {"summary": "raised during the outage", "to": [{"number": number(5)}], "message": {"ivr": "6500"}}
ALERT = {
    "status": "firing",
    "labels": {"alertname": "BoilerPressure", "severity": "critical"},
    "annotations": {"summary": "raised during the outage"},
    "startsAt": "2026-11-21T10:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "5ef77f1f8a3ecd4c",
}
ALERTS = {
    "version": "4",
    "status": "firing",
    "receiver": "duty",
    "groupLabels": {},
    "commonLabels": {},
    "alerts": [ALERT],
}


def answer_of(site: Site, path: str, body: Any = None) -> tuple[int, str, str, float]:
    """Status, media type, Retry-After and seconds of one request."""
    began = time.monotonic()
    response = site.http.request("GET" if body is None else "POST", path, json=body)
    seconds = time.monotonic() - began
    headers = response.headers
    return response.status_code, headers["content-type"], headers.get("retry-after", "0"), seconds
