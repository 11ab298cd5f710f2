"""Sampling profiles of the product's processes during a measurement, with py-spy where it is installed."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Program

RATE = 400


class NoProfiler(RuntimeError):
    """py-spy is not on the PATH."""


def profiler() -> str:
    """Where py-spy is."""
    found = shutil.which("py-spy")
    if found is None:
        raise NoProfiler("profiles need py-spy on the PATH, installed in an environment of its own")
    return found


@contextmanager
def profiles(programs: Sequence[Program], folder: Path, name: str) -> Iterator[None]:
    """Record who holds the interpreter in every program, child processes included, while the block runs.

    One .raw file for each program; its lines are stacks and numbers of samples, as flame graphs take them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        profiler(),
        "record",
        "--rate",
        str(RATE),
        "--format",
        "raw",
        "--subprocesses",
        "--gil",
        "--nonblocking",
    ]
    recorders = [
        subprocess.Popen(
            [*command, "--output", str(folder / f"{name}-{program.name}.raw"), "--pid", str(program.pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for program in programs
    ]
    try:
        yield
    finally:
        for recorder in recorders:
            recorder.send_signal(2)
        for recorder in recorders:
            try:
                recorder.wait(20)
            except subprocess.TimeoutExpired:
                recorder.kill()
                recorder.wait()
