"""Waiting for a campaign's last outcome without getting in its way."""

import time

from bench.processes import MeasurementFailed
from bench.stand import Run
from bench.systems import Progress

LOOK_EVERY = 0.1
LOOK_OFTEN = 0.005
LOOK_ANYWAY = 3.0


class TooSlow(MeasurementFailed):
    """The calls did not end in time."""


def numbers(count: int, series: int = 0) -> list[str]:
    """So many different numbers, of a series of their own."""
    return [f"316{series + 1}{index:07d}" for index in range(count)]


def wait_for_outcomes(run: Run, calls: int, placed_before: int, timeout: float) -> Progress:
    """Return as soon as every call of the campaign has its outcome.

    While the PBX is busy only the PBX is asked, which keeps its counts at hand; the system, which counts
    rows, is asked once the PBX has placed all calls and has nothing more to report, and now and then.
    """
    give_up = time.monotonic() + timeout
    look_anyway = time.monotonic() + LOOK_ANYWAY
    while True:
        state = run.pbx.state()
        is_over = bool(state["idle"]) and state["calls"] - placed_before >= calls
        if is_over or time.monotonic() > look_anyway:
            look_anyway = time.monotonic() + LOOK_ANYWAY
            progress = run.system.progress()
            if not progress.open and progress.ended >= calls:
                return progress
            run.check()
            if time.monotonic() > give_up:
                raise TooSlow(f"{progress} after {timeout:.0f} s; the PBX: {state}")
        time.sleep(LOOK_OFTEN if is_over else LOOK_EVERY)
