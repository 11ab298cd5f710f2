"""The machine that measures, and how noisy it is."""

import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("dramatiq", "fastapi", "httpx", "psycopg", "redis", "sqlalchemy", "sqlmodel", "uvicorn")


def describe() -> dict[str, Any]:
    """Processor, memory, load before the start, versions, and what an fsync takes."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": sys.version.split()[0],
        "libraries": {name: version(name) for name in LIBRARIES},
        "fsync_ms": round(fsync_milliseconds(), 3),
        "work_ms": round(work_milliseconds(), 2),
    }


def fsync_milliseconds(rounds: int = 50) -> float:
    """The median time that 4 KiB take to the disk, in the folder where the databases will be."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(rounds):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def work_milliseconds() -> float:
    """The time of a fixed piece of work; how it varies from run to run is the machine's own noise."""
    started = time.perf_counter()
    table: dict[int, int] = {}
    for number in range(300_000):
        table[number & 1023] = table.get(number & 1023, 0) + number
    return (time.perf_counter() - started) * 1000


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
