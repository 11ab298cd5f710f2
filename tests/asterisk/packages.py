"""Asterisk and SIPp, unpacked from Debian's packages into a cache folder: no root, no chroot, no mounts.

The packages come through the archive that this machine's apt is set up with, and apt checks their signatures.
The unpacked programs run by their own dynamic loader, since their libc is not the machine's.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NEWER, OLDER = "sid", "bullseye"
"""The suites whose Asterisk is used: 22 and 16.28."""

PACKAGES = ("asterisk", "asterisk-modules", "asterisk-config", "sip-tester")
USED = ("lib*", "asterisk*", "sip-tester*", "freetds-common*", "netbase*")
"""Of the packages and what they depend on, what the two programs load."""
UNUSED = ("usr/share/man", "usr/share/locale", "usr/share/perl", "usr/share/perl5", "usr/share/icu")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES = (
    "usr/lib/x86_64-linux-gnu",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
    "usr/lib",
    "usr/lib/asterisk",
)
LOADERS = (
    "usr/lib64/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/ld-[0-9]*.so",
)
MODULES = ("usr/lib/x86_64-linux-gnu/asterisk/modules", "usr/lib/asterisk/modules")
BUILT = ".complete"
SECONDS = 300.0

APT_CONF = """\
Dir::State "{work}/state";
Dir::State::status "{work}/state/status";
Dir::Cache "{work}/cache";
Dir::Etc "{work}/etc";
Dir::Etc::sourceparts "{work}/etc/sources.list.d";
Dir::Etc::parts "/etc/apt/apt.conf.d";
APT::Install-Recommends "false";
APT::Architecture "amd64";
APT::Sandbox::User "";
Debug::NoLocking "true";
Acquire::Languages "none";
"""
# A snapshot's Valid-Until has passed; its signatures hold.
SOURCE = """\
Types: deb
URIs: {archive}
Suites: {suite}
Components: main
Signed-By: {keyring}
Check-Valid-Until: no
"""


class PackagesMissing(RuntimeError):
    """The packages are not to be had on this machine."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The unpacked packages of one suite."""

    root: Path

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of the programs, such as ``usr/sbin/asterisk``."""
        loader = next(found for pattern in LOADERS for found in sorted(self.root.glob(pattern)))
        libraries = ":".join(str(self.root / folder) for folder in LIBRARIES)
        return [str(loader), "--library-path", libraries, str(self.root / program), *arguments]

    @property
    def modules(self) -> Path:
        """The folder of Asterisk's modules."""
        return next(self.root / folder for folder in MODULES if (self.root / folder).is_dir())


def cache_folder() -> Path:
    """Where unpacked packages stay between runs."""
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(user_cache) / "ivr-dispatcher" / "asterisk"


def unpacked(suite: str) -> Unpacked:
    """The programs of one suite, fetched and unpacked if they are not in the cache; PackagesMissing."""
    root = cache_folder() / suite
    with _lock(root.with_name(f"{suite}.lock")):
        if not (root / BUILT).exists():
            _unpack(suite, root)
    return Unpacked(root)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(suite: str, root: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise PackagesMissing(f"Asterisk comes from Debian's packages, and there is no {program} here")
    if not KEYRING.exists():
        raise PackagesMissing(
            "Asterisk comes from Debian's packages, and their keyring is not on this machine"
        )
    work, new = root.with_name(f"{suite}.apt"), root.with_name(f"{suite}.new")
    for folder in (work, new, root):
        shutil.rmtree(folder, ignore_errors=True)
    new.mkdir()
    try:
        for archive in _fetched(suite, work):
            if any(archive.match(pattern) for pattern in USED):
                _run(None, "dpkg-deb", "-x", str(archive), str(new))
        for unused in UNUSED:
            shutil.rmtree(new / unused, ignore_errors=True)
        (new / BUILT).touch()
        new.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(new, ignore_errors=True)


def _fetched(suite: str, work: Path) -> list[Path]:
    """The package files of the two programs and of all that they need."""
    folders = ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d")
    for folder in folders:
        (work / folder).mkdir(parents=True)
    (work / "state/status").touch()
    source = SOURCE.format(archive=_archive(), suite=suite, keyring=KEYRING)
    (work / "etc/sources.list.d/bench.sources").write_text(source)
    (work / "apt.conf").write_text(APT_CONF.format(work=work))
    _run(work, "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
    _run(work, "apt-get", "-q", "-y", "-d", "install", *PACKAGES)
    return sorted((work / "cache/archives").glob("*.deb"))


def _archive() -> str:
    """The Debian archive that this machine's apt uses."""
    chosen = ("--format", "$(REPO_URI)", "Created-By: Packages")
    listed = _run(None, "apt-get", "indextargets", *chosen).split()
    archives = sorted({address for address in listed if re.search(r"/debian/?$", address)})
    if not archives:
        raise PackagesMissing(
            "Asterisk comes from Debian's packages, and apt is set up with no Debian archive"
        )
    return archives[0]


def _run(work: Path | None, *command: str) -> str:
    env = {**os.environ, "LC_ALL": "C"} | ({"APT_CONFIG": str(work / "apt.conf")} if work else {})
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise PackagesMissing(f"{command[0]} took longer than {SECONDS:.0f} s") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()[-600:]
        raise PackagesMissing(f"{' '.join(command[:3])} failed: {said}") from None
    return done.stdout


def main() -> int:
    """Fill the cache (`make services`); 1 when that fails in CI, where a skipped test would be a hole."""
    try:
        for suite in (NEWER, OLDER):
            unpacked(suite)
    except PackagesMissing as error:
        print(f"asterisk: {error}; tests with a real Asterisk can't run", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
