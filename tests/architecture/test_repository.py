"""The files themselves: nothing of the machine they were written on, and every dependency pinned."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")

# Written in pieces, for this file is searched too.
FORBIDDEN = re.compile(
    "|".join(
        [
            *(
                re.escape(name + "." + domain)
                for name, domain in [
                    ("pyp" + "i", "org"),
                    ("pythonhosted", "org"),
                    ("npm" + "js", "org"),
                    ("npm" + "js", "com"),
                    ("deb." + "debian", "org"),
                    ("archive." + "ubuntu", "com"),
                ]
            ),
            r"(?<![\w.$}])/" + r"(?:ro" + r"ot|wo" + r"rk)/",
            r"(?<![\w.$}])/" + r"(?:ho" + r"me|Us" + r"ers)/\w",
        ]
    )
)
PIN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; [^\\]+)?"
    r"(?: --hash=sha256:[0-9a-f]{64})+",
)


def committed_files() -> list[Path]:
    """Every file that is in the repository, or that the next `git add` would bring in."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files if path.is_file()]


def pins(lock: str) -> dict[str, str]:
    """Name → version of a lock file; fails on a line that is anything but a pin with its hashes."""
    text = (ROOT / lock).read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, str] = {}
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        pin = PIN.fullmatch(re.sub(r"\s+", " ", line).strip())
        assert pin, f"{lock}: not a pinned version with hashes: {line[:80]}"
        found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def test_no_file_names_a_registry_or_a_home_folder() -> None:
    named = []
    for path in committed_files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if found := FORBIDDEN.search(line):
                named.append(f"{path.relative_to(ROOT)}:{number}: {found.group()}")
    assert not named, "\n".join(named)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("--index-url https://" + "pyp" + "i.org/simple", True),
        ("cd /ro" + "ot/project", True),
        ("file:/" + "//ho" + "me/ann/x", True),
        ("https://example.org/ho" + "me/x", False),
        ("GET /v1/ro" + "ot/x", False),
        ("./wo" + "rk/x", False),
    ],
)
def test_what_counts_as_a_trace_of_a_machine(text: str, refused: bool) -> None:
    assert bool(FORBIDDEN.search(text)) is refused


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_pins_with_hashes_and_no_address(lock: str) -> None:
    assert pins(lock)
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)


def test_the_locks_agree() -> None:
    everything = pins("requirements-dev.txt")
    for lock in LOCKS:
        assert pins(lock).items() <= everything.items(), (
            f"{lock} differs from requirements-dev.txt; run make lock"
        )


def test_every_dependency_is_locked_in_a_version_that_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = [Requirement(text) for text in project["project"]["dependencies"]]
    groups = [text for group in project["dependency-groups"].values() for text in group]
    development = [Requirement(text) for text in groups if isinstance(text, str)]
    for wanted, lock in [(runtime, "requirements.txt"), (development, "requirements-dev.txt")]:
        locked = pins(lock)
        for requirement in wanted:
            version = locked.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} is not in {lock}; run make lock"
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {version}"
