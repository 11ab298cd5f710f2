"""The tests of the folder `inside` run in a network namespace of their own, and are reported outside.

Outside, they are collected as everywhere. Instead of running them, the first of them starts a second pytest
in the namespace, with all of them that were chosen; its reports are handed on as they come.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.namespace import NamespaceMissing, inside
from tests.asterisk.packages import NEWER, OLDER, PackagesMissing, unpacked

FOLDER = Path(__file__).parent / "inside"
REPORTS = "ASTERISK_TEST_REPORTS"
"""In the namespace, the file descriptor that reports are written to."""
REPORT, FINISHED = "report", "finished"
END_SECONDS = 30.0


def is_inside() -> bool:
    """Whether this pytest is the one in the namespace."""
    return REPORTS in os.environ


class Sender:
    """Inside: writes each report down as soon as it is there."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports = os.fdopen(int(os.environ[REPORTS]), "w")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._write(report.nodeid, REPORT, data)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._write(nodeid, FINISHED, None)

    def _write(self, nodeid: str, kind: str, data: Any) -> None:
        self._reports.write(json.dumps([nodeid, kind, data]) + "\n")
        self._reports.flush()


class Receiver:
    """Outside: runs the pytest inside, and hands its reports on, in place of the tests themselves."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._missing = ""
        self._come: defaultdict[str, list[Any]] = defaultdict(list)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if FOLDER not in item.path.parents:
            return None
        if self._process is None and not self._missing:
            self._start(item.config, [one for one in item.session.items if FOLDER in one.path.parents])
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports_of(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self) -> None:
        """End it in order: its servers and processes go with it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reports.close()
        self._output.close()

    def _start(self, config: pytest.Config, chosen: Sequence[pytest.Item]) -> None:
        try:
            for suite in (NEWER, OLDER):
                unpacked(suite)
            command = inside(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--verbosity=1")
        except (NamespaceMissing, PackagesMissing) as error:
            self._missing = f"no real Asterisk: {error}"
            return
        reading, writing = os.pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [*command, *(item.nodeid for item in chosen)],
            cwd=config.rootpath,
            env={**os.environ, REPORTS: str(writing)},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
        )
        os.close(writing)
        self._reports = os.fdopen(reading)

    def _reports_of(self, item: pytest.Item) -> list[pytest.TestReport]:
        if self._missing:
            # A skipped test would be a hole in CI.
            return [_report(item, "failed" if os.environ.get("CI") else "skipped", self._missing)]
        found: list[pytest.TestReport] = []
        while not self._come[item.nodeid] or self._come[item.nodeid][-1] is not None:
            line = self._reports.readline()
            if not line:
                self._output.seek(0)
                said = self._output.read().decode(errors="replace")[-4000:]
                return [*found, _report(item, "failed", f"the tests inside ended before this one:\n{said}")]
            nodeid, kind, data = json.loads(line)
            self._come[nodeid].append(data if kind == REPORT else None)
        for data in self._come.pop(item.nodeid)[:-1]:
            found.append(item.config.hook.pytest_report_from_serializable(config=item.config, data=data))
        return found


def _report(item: pytest.Item, outcome: Any, text: str) -> pytest.TestReport:
    path, line, _ = item.location
    longrepr: Any = text if outcome == "failed" else (path, line or 0, f"Skipped: {text}")
    return pytest.TestReport(item.nodeid, item.location, {}, outcome, longrepr, "call")
