"""`python -m tests.services.install`: makes sure that the servers for the tests are on this machine.

What is missing is installed from the system's packages, without leaving a service running: the tests start
private servers of their own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import binaries

PACKAGES: dict[str, Callable[[], Path]] = {
    "postgresql": binaries.postgres_folder,
    "redis-server": binaries.redis_server,
    "prometheus": binaries.prometheus,
    "prometheus-alertmanager": binaries.alertmanager,
    "icinga2-bin": binaries.icinga,
    "zabbix-proxy-sqlite3": binaries.zabbix_js,
    "nagios4-core": binaries.nagios,
}
UNPACKED = ("nagios4-core",)
"""Packages that are not installed, but only unpacked into a folder of our own."""
UNITS = {"icinga2-bin": "icinga2", "zabbix-proxy-sqlite3": "zabbix-proxy"}
"""Packages whose service has another name than they have."""
# Debian's packages start their services, and make a cluster, unless these files say otherwise.
NO_START = Path("/usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", 0o755
NO_CLUSTER = (
    Path("/etc/postgresql-common/createcluster.d/ivr-tests.conf"),
    "create_main_cluster = false\n",
    0o644,
)


def missing() -> list[str]:
    """The packages whose server is not here."""
    names = []
    for package, find in PACKAGES.items():
        try:
            find()
        except binaries.ServiceMissing:
            names.append(package)
    return names


def install(packages: list[str]) -> None:
    """Install or unpack Debian packages; CalledProcessError or OSError if that is not possible."""
    _as_root("apt-get", "update", "-qq")
    for package in set(packages) & set(UNPACKED):
        unpack(package)
    packages = [package for package in packages if package not in UNPACKED]
    if not packages:
        return
    with _file_in_place(*NO_START), _file_in_place(*NO_CLUSTER):
        _as_root("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    if Path("/run/systemd/system").exists():
        # Nor shall they start by themselves at the next boot.
        _as_root("systemctl", "disable", "--quiet", *(UNITS.get(package, package) for package in packages))


def unpack(package: str) -> None:
    """Unpack one package without its dependencies; raises as ``install`` does."""
    binaries.UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
        subprocess.run(command, cwd=folder, check=True)
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(archive), str(binaries.UNPACKED)], check=True)


@contextmanager
def _file_in_place(path: Path, text: str, mode: int) -> Iterator[None]:
    if path.exists():
        yield
        return
    _as_root("mkdir", "-p", str(path.parent))
    _as_root("tee", str(path), text=text)
    _as_root("chmod", f"{mode:o}", str(path))
    try:
        yield
    finally:
        _as_root("rm", "-f", str(path))


def _as_root(*command: str, text: str = "") -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run(
        [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command],
        input=text,
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> int:
    """Install what is missing; 1 when that fails in CI, where a skipped test would be a hole."""
    packages = missing()
    if not packages:
        return 0
    print(f"services: installing {', '.join(packages)} for the tests", flush=True)
    try:
        if shutil.which("apt-get") is None:
            raise OSError("this system has no apt-get")
        install(packages)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"services: could not install {', '.join(packages)}: {error}", file=sys.stderr)
    left = missing()
    if not left:
        return 0
    print(f"services: without {', '.join(left)}, the tests that need them are skipped", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
