"""The measurements. Each takes a system that is up, and returns a sample."""

import random
import statistics
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.arithmetic import histogram_quantile, most_at_once, percentile, turnarounds, utilisation
from bench.machine import work_milliseconds
from bench.processes import MeasurementFailed
from bench.stand import Run
from bench.systems import Progress
from bench.waiting import numbers, wait_for_outcomes

WARM_UP = 50
"""So many calls go before each campaign that is measured: logins, pools, caches of statements."""


@dataclass(slots=True)
class Sample:
    """One measurement of one system: values by name, processor seconds by group of processes."""

    measure: str
    store: str
    system: str
    settings: str
    values: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class WrongOutcome(MeasurementFailed):
    """The calls ended, but not all as their callees made them end: the numbers would mean nothing."""


def warm_up(run: Run) -> None:
    """A small campaign before the one that counts."""
    run.system.load(numbers(WARM_UP, series=7))
    run.system.go()
    wait_for_outcomes(run, WARM_UP, 0, timeout=60)


def lifecycle(run: Run, calls: int) -> Sample:
    """Full call lifecycles per second with talk time zero, from the start to the last final outcome."""
    sample = _sample("lifecycle", run)
    warm_up(run)
    run.system.load(numbers(calls))
    time.sleep(0.3)
    before = run.pbx.state()
    with _cpu(run, sample):
        started = time.monotonic()
        run.system.go()
        progress = wait_for_outcomes(run, calls, before["calls"], timeout=150)
        seconds = time.monotonic() - started
    after = run.pbx.state()
    _check(progress, calls, after)
    reports = after["reports"]["acknowledged"] - before["reports"].get("acknowledged", 0)
    sample.values = {
        "calls_per_second": calls / seconds,
        "reports_per_second": reports / seconds,
        "cpu_us_per_call": 1e6 * sum(_of_system(sample.cpu).values()) / calls,
    }
    sample.facts |= {"calls": calls, "seconds": seconds, "reports_per_call": reports / calls}
    return sample


def occupancy(run: Run, calls: int) -> Sample:
    """Channel utilisation and turnaround of one-second calls, by the PBX's own clock."""
    sample = _sample("utilisation", run)
    warm_up(run)
    run.system.load(numbers(calls))
    counted = run.system.own_turnarounds()
    before = run.pbx.state()
    with _cpu(run, sample):
        run.system.go()
        progress = wait_for_outcomes(run, calls, before["calls"], timeout=150)
    _check(progress, calls, run.pbx.state())
    channels = run.pbx.plan.channels
    spans = run.pbx.spans(numbers(1)[0][:4])
    gaps = turnarounds(spans)
    sample.values = {
        "utilisation": utilisation(spans, channels),
        "turnaround_p50_ms": 1000 * percentile(gaps, 50),
        "turnaround_p99_ms": 1000 * percentile(gaps, 99),
    }
    own = {bound: count - counted.get(bound, 0) for bound, count in run.system.own_turnarounds().items()}
    if own:
        sample.values["own_turnaround_p50_ms"] = 1000 * histogram_quantile(own, 0.5)
    sample.facts |= {"calls": calls, "channels": channels, "peak": most_at_once(spans)}
    sample.facts["makespan"] = max(s.ended for s in spans) - min(s.started for s in spans)
    return sample


def alarms_idle(run: Run, count: int) -> Sample:
    """From the moment an alarm is posted to the moment its dial request is at the PBX; nothing else runs."""
    sample = _sample("alarms idle", run)
    warm_up(run)
    with _cpu(run, sample):
        posted = _raise_alarms(run, count, shortest=0.03, longest=0.05)
        _wait_until_dialled(run, count)
    sample.values = _alarm_values(run, posted)
    return sample


def alarms_loaded(run: Run, count: int, calls: int) -> Sample:
    """The same while a campaign has every channel that is not reserved for alarms."""
    sample = _sample("alarms loaded", run)
    warm_up(run)
    run.system.load(numbers(calls))
    run.system.go()
    time.sleep(1.5)
    with _cpu(run, sample):
        posted = _raise_alarms(run, count, shortest=0.05, longest=0.08)
        _wait_until_dialled(run, count)
    state = run.pbx.state()
    sample.values = _alarm_values(run, posted)
    left = run.system.progress().open
    if not left:
        raise WrongOutcome("the campaign was over before the alarms were")
    sample.facts |= {"calls_up_at_the_end": state["live_calls"], "campaign_calls_left": left}
    if state["over_limit"]:
        raise WrongOutcome(f"the trunk's limit was exceeded {state['over_limit']} times")
    return sample


def _sample(measure: str, run: Run) -> Sample:
    sample = Sample(measure, run.place.store, run.system.name, run.system.settings)
    sample.facts["work_ms"] = round(work_milliseconds(), 2)
    return sample


@contextmanager
def _cpu(run: Run, sample: Sample) -> Any:
    before = run.cpu()
    yield
    after = run.cpu()
    sample.cpu = {name: round(after[name] - before[name], 3) for name in after}


def _of_system(cpu: Mapping[str, float]) -> dict[str, float]:
    """Without what measures."""
    return {name: seconds for name, seconds in cpu.items() if name not in ("pbx", "bench")}


def _check(progress: Progress, calls: int, state: Mapping[str, Any]) -> None:
    if progress.delivered != calls or progress.ended != calls:
        raise WrongOutcome(f"{calls} calls, but {progress}")
    if state["over_limit"] or state["overlaps"]:
        raise WrongOutcome(f"over the limit: {state['over_limit']}; overlaps: {state['overlaps'][:3]}")


def _raise_alarms(run: Run, count: int, *, shortest: float, longest: float) -> dict[str, float]:
    """Post alarms at uneven intervals; when each was posted, by number."""
    chance = random.Random(count)
    posted = {}
    for number in numbers(count, series=4):
        posted[number] = time.monotonic()
        run.system.alarm(number)
        time.sleep(max(0.0, posted[number] + chance.uniform(shortest, longest) - time.monotonic()))
    return posted


def _wait_until_dialled(run: Run, count: int, timeout: float = 20) -> None:
    give_up = time.monotonic() + timeout
    prefix = numbers(1, series=4)[0][:4]
    while len({call["number"] for call in run.pbx.calls() if call["number"].startswith(prefix)}) < count:
        if time.monotonic() > give_up:
            run.check()
            raise WrongOutcome(f"not all of {count} alarms were dialled within {timeout} s")
        time.sleep(0.2)


def _alarm_values(run: Run, posted: Mapping[str, float]) -> dict[str, float]:
    dialled: dict[str, float] = {}
    for call in run.pbx.calls():
        if call["number"] in posted:
            dialled.setdefault(call["number"], call["started"])
    delays = [1000 * (dialled[number] - at) for number, at in posted.items()]
    return {
        "alarm_to_dial_p50_ms": statistics.median(delays),
        "alarm_to_dial_p99_ms": percentile(delays, 99),
        "alarm_to_dial_max_ms": max(delays),
    }
