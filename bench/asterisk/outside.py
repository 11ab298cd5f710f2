"""Starts the measurement in a network namespace of its own, and shows what comes of it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.arithmetic import spread
from bench.asterisk.spool import Spool
from bench.measures import Sample
from bench.processes import ROOT, MeasurementFailed
from bench.report import values
from bench.systems import StoreKind
from tests.asterisk.namespace import NamespaceMissing, inside
from tests.asterisk.packages import NEWER, PackagesMissing, unpacked


def samples(console: Console, calls: int, repeats: int, stores: Sequence[StoreKind]) -> list[Sample]:
    """Measure; MeasurementFailed where there is no Asterisk to be had, or one of the ways did not end."""
    try:
        unpacked(NEWER)
        command = inside(sys.executable, "-m", "bench.asterisk", str(calls), str(repeats), *stores)
    except (NamespaceMissing, PackagesMissing) as error:
        raise MeasurementFailed(f"no real Asterisk: {error}") from None
    found = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            sample = Sample(**json.loads(line))
            shown = ", ".join(f"{name} {value:,.3g}" for name, value in sample.values.items())
            console.print(f"asterisk, {_column(sample)}: {shown}", highlight=False)
            found.append(sample)
    if running.returncode:
        raise MeasurementFailed(f"the measurement on Asterisk ended with {running.returncode}")
    return found


def _column(sample: Sample) -> str:
    """The way of placing the calls, with its store where it has one."""
    return sample.system if sample.system == Spool.name else f"{sample.system} on {sample.store}"


def show(console: Console, taken: Sequence[Sample]) -> None:
    """Each value's median and spread, a column for each way of placing the calls."""
    systems = list(dict.fromkeys(map(_column, taken)))
    table = Table(title="a real Asterisk: medians (spread: highest - lowest, of the median)")
    for heading in ("value", *systems):
        table.add_column(heading, justify="left" if heading == "value" else "right")
    for name in dict.fromkeys(name for sample in taken for name in sample.values):
        row = [values([one for one in taken if _column(one) == system], name) for system in systems]
        table.add_row(name, *(f"{statistics.median(found):,.3g} ±{spread(found) / 2:.0%}" for found in row))
    console.print(table)
    for sample in taken[: len(systems)]:
        per_call = {name: 1000 * seconds / sample.facts["calls"] for name, seconds in sample.cpu.items()}
        by_process = ", ".join(f"{name} {value:.2f}" for name, value in per_call.items())
        console.print(f"{_column(sample)} ({sample.settings}): ms of processor per call: {by_process}")
