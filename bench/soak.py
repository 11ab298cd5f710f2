"""Long runs with everything going wrong that can: the system tests' scenarios, again and again."""

import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from rich.console import Console

from bench.systems import StoreKind as Store
from tests.services import PostgresServer, RedisServer
from tests.system.scenarios import SCENARIOS, Ground, Scenario, StoreKind, play


def soak(
    console: Console, stores: Sequence[Store], names: Sequence[str], minutes: float, seed: int | None
) -> int:
    """Play scenarios in turn until the time is over; the exit status is 1 when anything went wrong.

    The first run has the seed ``seed``, and each run the next one, so that a run that went wrong is played
    again by its scenario, its store and its seed.
    """
    first = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    rounds = _rounds([StoreKind(store.value) for store in stores], names or list(SCENARIOS))
    if not rounds:
        console.print("this scenario can't be played on this store")
        return 2
    failed: list[str] = []
    with ExitStack() as stack:
        ground = _ground(stack, {store for _, store in rounds})
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-soak-")))
        for number, (scenario, store) in enumerate(_until(minutes, cycle(rounds))):
            place = folder / str(number)
            place.mkdir()
            result = play(scenario, store, first + number, ground, place, lambda line: _show(console, line))
            if result.faults:
                failed.append(f"--scenario {scenario.name} --store {store} --seed {first + number}")
                _show(console, result.text())
            else:
                _show(console, "all is well")
    for run in failed:
        _show(console, f'went wrong: make soak ARGS="{run} --minutes 0"')
    return 1 if failed else 0


def _rounds(stores: Iterable[StoreKind], names: Iterable[str]) -> list[tuple[Scenario, StoreKind]]:
    chosen = set(stores)
    return [(SCENARIOS[name], store) for name in names for store in SCENARIOS[name].stores if store in chosen]


def _ground(stack: ExitStack, stores: set[StoreKind]) -> Ground:
    if StoreKind.POSTGRES not in stores:
        return Ground()
    return Ground(stack.enter_context(PostgresServer()), stack.enter_context(RedisServer()))


def _until(
    minutes: float, rounds: Iterable[tuple[Scenario, StoreKind]]
) -> Iterator[tuple[Scenario, StoreKind]]:
    """The rounds until the time is over, but one at least."""
    give_up = time.monotonic() + 60 * minutes
    for one in rounds:
        yield one
        if time.monotonic() > give_up:
            return


def _show(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
