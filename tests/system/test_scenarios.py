"""Each scenario once on each store: whatever is killed or broken, nothing is lost, repeated or made up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import PostgresServer, RedisServer
from tests.services.fixtures import running
from tests.system.chance import seed_of, tell
from tests.system.families import YEASTAR_K2, YEASTAR_P, YEASTAR_S, Family
from tests.system.scenarios import SCENARIOS, Ground, Scenario, StoreKind, play

FIXED = ("kill", "servers", "pbx", "reports")
RUNS = [
    *((YEASTAR_S, SCENARIOS[name], store) for name in FIXED for store in SCENARIOS[name].stores),
    # What is lost in other ways with reports that are fetched, once on each store.
    (YEASTAR_K2, SCENARIOS["kill"], StoreKind.SQLITE),
    (YEASTAR_K2, SCENARIOS["pbx"], StoreKind.POSTGRES),
]
FEW = 60
BRIEF = [
    # What is lost while a WebSocket is not open, with so few calls that it costs some seconds each.
    (YEASTAR_P, SCENARIOS["kill"], StoreKind.SQLITE),
    (YEASTAR_P, SCENARIOS["pbx"], StoreKind.SQLITE),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    yield from running(PostgresServer())


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    yield from running(RedisServer())


@pytest.fixture(scope="module")
def served(postgres: PostgresServer, redis: RedisServer) -> Ground:
    return Ground(postgres, redis)


@pytest.fixture
def ground(store: StoreKind, request: pytest.FixtureRequest) -> Ground:
    found: Ground = Ground() if store is StoreKind.SQLITE else request.getfixturevalue("served")
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("family", "scenario", "store"),
    [
        pytest.param(family, scenario, store, id=f"{scenario.name}-{family.name}-{store}")
        for family, scenario, store in RUNS
    ],
)
def test_nothing_is_lost_repeated_or_made_up(
    family: Family, scenario: Scenario, store: StoreKind, ground: Ground, tmp_path: Path
) -> None:
    result = play(scenario, store, seed_of(scenario.name), ground, tmp_path, tell, family)
    assert not result.faults, result.text()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("family", "scenario", "store"),
    [pytest.param(*run, id=f"{run[1].name}-{run[0].name}-{run[2]}") for run in BRIEF],
)
def test_the_same_holds_with_few_calls(
    family: Family, scenario: Scenario, store: StoreKind, ground: Ground, tmp_path: Path
) -> None:
    result = play(scenario, store, seed_of(scenario.name), ground, tmp_path, tell, family, calls=FEW)
    assert not result.faults, result.text()
