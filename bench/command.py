"""The command line: `python -m bench [WHAT] [OPTIONS]`."""

import signal
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import measures, report
from bench.asterisk import outside
from bench.machine import describe
from bench.measures import Sample
from bench.night import night
from bench.pbx import INSTANT, ONE_SECOND, PbxPlan
from bench.plain import Plain
from bench.processes import MeasurementFailed
from bench.product import Product
from bench.profiling import profiler, profiles
from bench.soak import SOAKED, SOAKED_FAMILIES, soak
from bench.stand import Make, Run, Stand
from bench.systems import Place, StoreKind
from tests.night.script import SEED

console = Console()


class What(StrEnum):
    """What can be run."""

    ALL = "all"
    LIFECYCLE = "lifecycle"
    UTILISATION = "utilisation"
    ALARMS = "alarms"
    ASTERISK = "asterisk"
    NIGHT = "night"
    SOAK = "soak"


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: its PBX, how each system is set up for it, and how often each is measured."""

    name: str
    plan: PbxPlan
    product: Make
    baseline: Make
    measure: Callable[[Run], Sample]
    measure_baseline: Callable[[Run], Sample]
    repeats: int
    baseline_repeats: int


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    what: What
    stores: list[StoreKind] = field(default_factory=list)
    calls: int | None = None
    repeats: int | None = None
    channels: int = 200
    threads: int = 32
    processes: int = 1
    with_baseline: bool = True


LIFECYCLE_CALLS, LIFECYCLE_CALLS_OF_BASELINE = 3000, 300
UTILISATION_CALLS, UTILISATION_CHANNELS = 600, 30
ALARM_CHANNELS, ALARM_RESERVED, ALARMS = 60, 20, 200
CAMPAIGN_BESIDE_ALARMS = 900


def cases(options: Options) -> list[Case]:
    """The measurements that were asked for."""
    chosen = {What.ALL: list(_CASES)}.get(options.what, [options.what])
    return [case for what in chosen for case in _CASES[what](options)]


def _product(options: Options, channels: int, reserved: int = 0) -> Make:
    def make(place: Place) -> Product:
        return Product(
            place,
            channels=channels,
            reserved=reserved,
            processes=options.processes,
            threads=options.threads,
        )

    return make


def _lifecycle(options: Options) -> list[Case]:
    calls = options.calls or LIFECYCLE_CALLS
    few = min(calls, LIFECYCLE_CALLS_OF_BASELINE)
    return [
        Case(
            "lifecycle",
            PbxPlan(options.channels, INSTANT),
            _product(options, options.channels),
            lambda place: Plain(place, channels=options.channels, processes=2, threads=8),
            lambda run: measures.lifecycle(run, calls),
            lambda run: measures.lifecycle(run, few),
            repeats=options.repeats or 3,
            baseline_repeats=options.repeats or 3,
        )
    ]


def _utilisation(options: Options) -> list[Case]:
    calls = options.calls or UTILISATION_CALLS
    return [
        Case(
            "utilisation",
            PbxPlan(UTILISATION_CHANNELS, ONE_SECOND),
            _product(options, UTILISATION_CHANNELS),
            lambda place: Plain(place, channels=UTILISATION_CHANNELS, processes=2, threads=16),
            lambda run: measures.occupancy(run, calls),
            lambda run: measures.occupancy(run, calls),
            repeats=options.repeats or 3,
            baseline_repeats=1,
        )
    ]


def _alarms(options: Options) -> list[Case]:
    idle = Case(
        "alarms idle",
        PbxPlan(ALARM_CHANNELS, INSTANT),
        _product(options, ALARM_CHANNELS, ALARM_RESERVED),
        lambda place: Plain(place, channels=ALARM_CHANNELS, processes=2, threads=8),
        lambda run: measures.alarms_idle(run, ALARMS),
        lambda run: measures.alarms_idle(run, ALARMS // 4),
        repeats=options.repeats or 2,
        baseline_repeats=1,
    )
    loaded = Case(
        "alarms loaded",
        PbxPlan(ALARM_CHANNELS, ONE_SECOND),
        _product(options, ALARM_CHANNELS, ALARM_RESERVED),
        idle.baseline,
        lambda run: measures.alarms_loaded(run, ALARMS, CAMPAIGN_BESIDE_ALARMS),
        idle.measure_baseline,
        repeats=options.repeats or 2,
        baseline_repeats=0,
    )
    return [idle, loaded]


_CASES: dict[What, Callable[[Options], list[Case]]] = {
    What.LIFECYCLE: _lifecycle,
    What.UTILISATION: _utilisation,
    What.ALARMS: _alarms,
}


class Session:
    """One run of the command: takes samples, and goes on when one fails."""

    def __init__(self, stand: Stand, options: Options, profile: Path | None) -> None:
        self._stand = stand
        self._options = options
        self._profile = profile
        self.samples: list[Sample] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Every case on every store; product and baseline take turns."""
        for case in cases(self._options):
            for store in self._options.stores:
                for turn in range(max(case.repeats, case.baseline_repeats)):
                    name = f"{case.name.replace(' ', '-')}-{store}-{turn + 1}"
                    if turn < case.repeats:
                        self._take(store, case, case.product, case.measure, name)
                    if self._options.with_baseline and turn < case.baseline_repeats:
                        self._take(store, case, case.baseline, case.measure_baseline, "")

    def _take(
        self, store: StoreKind, case: Case, make: Make, work: Callable[[Run], Sample], profile: str
    ) -> None:
        try:
            with self._stand.run(store, case.plan, make) as run:
                wanted = self._profile if profile else None
                recording = profiles(run.system.programs, wanted, profile) if wanted else nullcontext()
                with recording:
                    sample = work(run)
        except MeasurementFailed as failure:
            self.failures.append(f"{case.name}, {store}: {failure}")
            console.print(self.failures[-1], style="red", highlight=False, markup=False)
            return
        self.samples.append(sample)
        shown = ", ".join(f"{name} {value:,.3g}" for name, value in sample.values.items())
        console.print(f"{case.name}, {store}, {sample.system}: {shown}", highlight=False)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def end_in_order_at_signals() -> None:
    """Have SIGTERM end a measurement as Ctrl-C does, with what it has started.

    Also where SIGINT came to us ignored, as it does to what a script starts in the background.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@app.command()
def main(
    what: Annotated[What, typer.Argument(help="What to measure.")] = What.ALL,
    store: Annotated[StoreKind | None, typer.Option(help="Only on this store.")] = None,
    calls: Annotated[int | None, typer.Option(help="Calls of each campaign.", min=1)] = None,
    repeat: Annotated[int | None, typer.Option(help="How often each is measured.", min=1)] = None,
    channels: Annotated[int, typer.Option(help="Channels in the lifecycle measurement.", min=1)] = 200,
    threads: Annotated[int, typer.Option(help="The product's dial threads in each process.", min=1)] = 32,
    processes: Annotated[int, typer.Option(help="The product's dial processes on PostgreSQL.", min=1)] = 1,
    baseline: Annotated[bool, typer.Option(help="Measure the baseline as well.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything to this file.")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Write py-spy profiles of the product's processes to this folder.")
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help=f"What a soak plays: {', '.join(SOAKED)}; all by default.")
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option(help=f"With which PBX: {', '.join(SOAKED_FAMILIES)}; all by default.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="How long a soak lasts, one run at least.", min=0)] = 4.0,
    seed: Annotated[int | None, typer.Option(help="The seed of a night, or of a soak's first run.")] = None,
) -> None:
    """Measure the whole path on SQLite and on PostgreSQL with Redis, beside a plain baseline."""
    end_in_order_at_signals()
    stores = [store] if store else list(StoreKind)
    if what is What.SOAK:
        _check_known("scenario", scenario, SOAKED)
        _check_known("family", family, SOAKED_FAMILIES)
        raise typer.Exit(soak(console, stores, scenario or [], minutes, seed, family or []))
    if what is What.NIGHT:
        raise typer.Exit(night(console, SEED if seed is None else seed))
    if what is What.ASTERISK:
        raise typer.Exit(_asterisk(calls or UTILISATION_CALLS, repeat or 3, stores, json_file))
    if profile:
        profiler()
    options = Options(what, stores, calls, repeat, channels, threads, processes, baseline)
    machine = describe()
    console.print_json(data=machine)
    started = time.monotonic()
    with Stand(set(stores)) as stand:
        session = Session(stand, options, profile)
        session.run()
    report.show(console, session.samples)
    console.print(f"took {time.monotonic() - started:.0f} s")
    if json_file:
        report.write(json_file, machine, _plain(options), session.samples)
    raise typer.Exit(1 if session.failures else 0)


def _asterisk(calls: int, repeats: int, stores: list[StoreKind], json_file: Path | None) -> int:
    """The same calls on a real Asterisk, three ways; the status to end with."""
    machine = describe()
    console.print_json(data=machine)
    try:
        samples = outside.samples(console, calls, repeats, stores)
    except MeasurementFailed as failure:
        console.print(str(failure), style="red", highlight=False, markup=False)
        return 1
    outside.show(console, samples)
    if json_file:
        told = {"calls": calls, "repeats": repeats, "stores": stores}
        report.write(json_file, machine, told, samples)
    return 0


def _check_known(what: str, given: list[str] | None, known: Collection[str]) -> None:
    unknown = set(given or ()) - set(known)
    if unknown:
        raise typer.BadParameter(f"no such {what}: {', '.join(sorted(unknown))}")


def _plain(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in Options.__slots__}
