"""Where there is no namespace, no test with a real Asterisk counts as passed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ONE = "tests/asterisk/inside/test_bench.py::test_a_lost_client_finds_what_it_missed"
REFUSES = "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n"


def run_without_namespaces(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    refusing = folder / "unshare"
    refusing.write_text(REFUSES)
    refusing.chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CI": ci}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ONE]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("ci", "verdict", "status"), [("", "1 skipped", 0), ("true", "1 failed", 1)])
def test_without_a_namespace(tmp_path: Path, ci: str, verdict: str, status: int) -> None:
    done = run_without_namespaces(tmp_path, ci)
    assert done.returncode == status, done.stdout
    assert verdict in done.stdout
    assert "no real Asterisk" in done.stdout
    assert "passed" not in done.stdout
