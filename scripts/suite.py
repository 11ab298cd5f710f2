"""`make test`: the whole suite in two parts, or, with arguments, what they ask for in one process.

What can be run side by side is, by a process for each core, four at most; what fills the machine by itself
comes after it.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

PROCESSES = min(max(os.cpu_count() or 1, 2), 4)
ALONE = "tests/asterisk"
"""It runs two versions of Asterisk, and their phones, side by side itself."""
PARTS = (
    [f"--ignore={ALONE}", "--numprocesses", str(PROCESSES), "--no-loadscope-reorder"],
    [ALONE],
)


def main(arguments: Sequence[str]) -> int:
    """Run pytest, and return the status of the first part that failed."""
    if arguments:
        return pytest(arguments)
    statuses = [pytest(part) for part in PARTS]
    return next((status for status in statuses if status), 0)


def pytest(arguments: Sequence[str]) -> int:
    """One run of pytest; its status."""
    return subprocess.call([sys.executable, "-m", "pytest", *arguments])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
