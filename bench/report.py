"""What was measured, as a table for people and as a file for machines."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.arithmetic import spread
from bench.measures import Sample

WANTED = {
    "calls_per_second": "at least 15 times the baseline",
    "utilisation": "at least 0.96",
    "turnaround_p50_ms": "within 20",
}
WANTED_OF_ALARMS = {"alarms idle": "p99 under 40", "alarms loaded": "p99 under 100"}
PRODUCT, BASELINE = "dispatcher", "baseline"

Key = tuple[str, str]


def by_measure(samples: Sequence[Sample]) -> dict[Key, dict[str, list[Sample]]]:
    """Samples by (measure, store), then by system, in the order in which they were first taken."""
    found: dict[Key, dict[str, list[Sample]]] = {}
    for sample in samples:
        found.setdefault((sample.measure, sample.store), {}).setdefault(sample.system, []).append(sample)
    return found


def values(samples: Sequence[Sample], name: str) -> list[float]:
    """One value of every sample that has it."""
    return [sample.values[name] for sample in samples if name in sample.values]


def summary(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """For each measure, store and value: each system's median and spread, and the ratio of the medians."""
    rows = []
    for (measure, store), systems in by_measure(samples).items():
        every = [sample for taken in systems.values() for sample in taken]
        for name in dict.fromkeys(name for sample in every for name in sample.values):
            row: dict[str, Any] = {"measure": measure, "store": store, "value": name}
            for system, taken in systems.items():
                found = values(taken, name)
                if found:
                    row[system] = {
                        "median": statistics.median(found),
                        "spread": spread(found),
                        "samples": len(found),
                    }
            if PRODUCT in row and BASELINE in row and row[BASELINE]["median"]:
                row["ratio"] = row[PRODUCT]["median"] / row[BASELINE]["median"]
            rows.append(row)
    return rows


def show(console: Console, samples: Sequence[Sample]) -> None:
    """Print the results, then who used the processor."""
    table = Table(title="medians (spread: highest - lowest, of the median)", title_justify="left")
    for heading in ("measure", "store", "value", PRODUCT, BASELINE, "ratio", "wanted"):
        right = heading in (PRODUCT, BASELINE, "ratio")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    before: Key | None = None
    for row in summary(samples):
        key = row["measure"], row["store"]
        if before is not None and key != before:
            table.add_section()
        shown = key if key != before else ("", "")
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        table.add_row(
            *shown, row["value"], _cell(row.get(PRODUCT)), _cell(row.get(BASELINE)), ratio, _wanted(row)
        )
        before = key
    console.print(table)
    console.print(_cpu_table(samples))
    for settings in dict.fromkeys(f"{s.measure}, {s.store}, {s.system}: {s.settings}" for s in samples):
        console.print(settings, highlight=False)


def _wanted(row: dict[str, Any]) -> str:
    if row["value"] == "alarm_to_dial_p99_ms":
        return WANTED_OF_ALARMS.get(row["measure"], "")
    return WANTED.get(row["value"], "")


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    median = found["median"]
    digits = 3 if abs(median) < 1.5 else 1 if abs(median) < 1000 else 0
    noise = f" ±{found['spread'] / 2:.0%}" if found["samples"] > 1 else ""
    return f"{median:,.{digits}f}{noise}"


def _cpu_table(samples: Sequence[Sample]) -> Table:
    table = Table(title="processor time, milliseconds per call, medians", title_justify="left")
    for heading in ("measure", "store", "system", "by process"):
        table.add_column(heading, overflow="fold")
    for (measure, store), systems in by_measure(samples).items():
        for system, taken in systems.items():
            calls = [sample for sample in taken if sample.facts.get("calls")]
            if not calls:
                continue
            groups = {
                name: statistics.median(s.cpu.get(name, 0.0) / s.facts["calls"] * 1000 for s in calls)
                for name in calls[0].cpu
            }
            table.add_row(measure, store, system, ", ".join(f"{k} {v:.2f}" for k, v in groups.items()))
    return table


def write(path: Path, machine: dict[str, Any], options: dict[str, Any], samples: Sequence[Sample]) -> None:
    """Everything, as one JSON document."""
    document = {
        "machine": machine,
        "options": options,
        "summary": summary(samples),
        "samples": [asdict(sample) for sample in samples],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
