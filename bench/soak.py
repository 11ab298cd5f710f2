"""Long runs with everything going wrong that can: the system tests' scenarios, again and again."""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path

from rich.console import Console

from bench.systems import StoreKind as Store
from tests.services import PostgresServer, RedisServer
from tests.system import users
from tests.system.families import AXEOS, FAMILIES, Family
from tests.system.scenarios import SCENARIOS, Ground, Result, Scenario, StoreKind, play

SOAKED = (*SCENARIOS, users.NAME)
"""Every scenario; an Axeos calls its own users, and so has one of its own."""

SOAKED_FAMILIES = (*FAMILIES, AXEOS.name)


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a soak, but for its seed. Without a scenario it is that of the users of an Axeos."""

    scenario: Scenario | None
    family: Family
    store: StoreKind

    @property
    def name(self) -> str:
        """Its scenario's name."""
        return users.NAME if self.scenario is None else self.scenario.name

    def play(self, seed: int, ground: Ground, folder: Path, tell: Callable[[str], None]) -> Result:
        """Play it once."""
        if self.scenario is None:
            return users.play_users(self.store, seed, ground, folder, tell)
        return play(self.scenario, self.store, seed, ground, folder, tell, self.family)


def soak(
    console: Console,
    stores: Sequence[Store],
    names: Sequence[str],
    minutes: float,
    seed: int | None,
    families: Sequence[str] = (),
) -> int:
    """Play scenarios in turn until the time is over; the exit status is 1 when anything went wrong.

    The first run has the seed ``seed``, and each run the next one, so that a run that went wrong is played
    again by its scenario, its family, its store and its seed.
    """
    first = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    rounds = _rounds(
        [StoreKind(store.value) for store in stores], names or SOAKED, families or SOAKED_FAMILIES
    )
    if not rounds:
        console.print("this scenario can't be played on this store, or with this family")
        return 2
    failed: list[str] = []
    with ExitStack() as stack:
        ground = _ground(stack, {one.store for one in rounds})
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-soak-")))
        for number, one in enumerate(_until(minutes, cycle(rounds))):
            place = folder / str(number)
            place.mkdir()
            result = one.play(first + number, ground, place, lambda line: _show(console, line))
            if result.faults:
                run = f"--scenario {one.name} --family {one.family.name} --store {one.store}"
                failed.append(f"{run} --seed {first + number}")
                _show(console, result.text())
            else:
                _show(console, "all is well")
    for run in failed:
        _show(console, f'went wrong: make soak ARGS="{run} --minutes 0"')
    return 1 if failed else 0


def _rounds(stores: Iterable[StoreKind], names: Iterable[str], families: Iterable[str]) -> list[Round]:
    chosen = list(dict.fromkeys(stores))
    found = [
        Round(SCENARIOS[name], FAMILIES[family], store)
        for name, family in product(names, families)
        if name in SCENARIOS and family in FAMILIES
        for store in SCENARIOS[name].stores
        if store in chosen
    ]
    if users.NAME in names and AXEOS.name in families:
        found += [Round(None, AXEOS, kind) for kind in chosen]
    return found


def _ground(stack: ExitStack, stores: set[StoreKind]) -> Ground:
    if StoreKind.POSTGRES not in stores:
        return Ground()
    return Ground(stack.enter_context(PostgresServer()), stack.enter_context(RedisServer()))


def _until(minutes: float, rounds: Iterable[Round]) -> Iterator[Round]:
    """The rounds until the time is over, but one at least."""
    give_up = time.monotonic() + 60 * minutes
    for one in rounds:
        yield one
        if time.monotonic() > give_up:
            return


def _show(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
