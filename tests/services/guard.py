"""Ends one server when the process that started it is gone, however that one ended.

Run as `python guard.py PID SIGNAL FOLDER`. Standard input is a pipe from the starter: a line says that the
server was stopped in order; the bare end of the pipe says that the starter died.
"""

import os
import shutil
import sys
import time

GRACE_SECONDS = 10.0


def alive(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(pid: int, signal_number: int, folder: str) -> None:
    """Wait for the starter's end; then end the server and remove its folder."""
    if sys.stdin.readline():
        return
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        pass
    give_up = time.monotonic() + GRACE_SECONDS
    while alive(pid) and time.monotonic() < give_up:
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
