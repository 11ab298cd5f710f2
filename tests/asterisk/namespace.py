"""A network namespace that has only the loopback: nothing can leave it, and all its ports are free."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS = 0x8914
UP_LOOPBACK_RUNNING = 0x49
WAYS_OF_ROOT = (["unshare", "--net"],)
WAYS = (
    # With other users than root, which PostgreSQL needs.
    ["unshare", "--map-root-user", "--map-auto", "--net"],
    ["unshare", "--map-root-user", "--net"],
)


class NamespaceMissing(RuntimeError):
    """This machine gives us no network namespace of our own."""


def is_private() -> bool:
    """Whether this process is in a network that has nothing but the loopback."""
    # /proc/net follows the process; /sys/class/net follows its mount.
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return all(line.strip().startswith("lo:") for line in lines)


def inside(*command: str) -> list[str]:
    """The command line that runs ``command`` in a new namespace; NamespaceMissing where there can be none."""
    said = ""
    for unshare in WAYS_OF_ROOT if os.geteuid() == 0 else WAYS:
        try:
            tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
        except OSError as error:
            raise NamespaceMissing(f"no network namespace of our own: {error}") from None
        if tried.returncode == 0:
            return [*unshare, sys.executable, "-I", "-S", __file__, *command]
        said = tried.stderr.strip()
    raise NamespaceMissing(f"no network namespace of our own: {said}")


def main(*command: str) -> None:
    """Switch the loopback on, and become the command."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", UP_LOOPBACK_RUNNING, b""))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
