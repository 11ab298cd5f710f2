"""The tests of the folder `inside` run in a network namespace of their own, and are reported outside.

Outside, they are collected as everywhere. Instead of running them, the first of them starts a second pytest
in the namespace, with all of them that were chosen; its reports are handed on as they come. Where there is no
namespace or no Asterisk to be had, they are skipped, and fail in CI.
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
ALONGSIDE = ("test_load.py", "test_measurement.py", "test_recorded_calls.py")
"""Tests that run beside the others: they take their time, and little of the processor's."""


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


class Run:
    """Outside: one pytest inside, with some of the tests."""

    def __init__(self, config: pytest.Config, command: Sequence[str], chosen: Sequence[pytest.Item]) -> None:
        reading, writing = os.pipe()
        self._config = config
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
        self._come: defaultdict[str, list[Any]] = defaultdict(list)

    def reports_of(self, item: pytest.Item) -> list[pytest.TestReport]:
        """The reports of one test, once it has ended; a failure if all ended without it."""
        while not self._come[item.nodeid] or self._come[item.nodeid][-1] is not None:
            line = self._reports.readline()
            if not line:
                return [_report(item, "failed", f"the tests inside ended before this one:\n{self._said()}")]
            nodeid, kind, data = json.loads(line)
            self._come[nodeid].append(data if kind == REPORT else None)
        read = self._config.hook.pytest_report_from_serializable
        return [read(config=self._config, data=data) for data in self._come.pop(item.nodeid)[:-1]]

    def close(self) -> None:
        """End it in order: its servers and processes go with it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reports.close()
        self._output.close()

    def _said(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-4000:]


class Receiver:
    """Outside: starts the tests inside, and hands their reports on in place of running them here."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._missing = ""

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if FOLDER not in item.path.parents:
            return None
        if not self._runs and not self._missing:
            self._start(item.config, [one for one in item.session.items if FOLDER in one.path.parents])
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports_of(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self) -> None:
        for run in self._runs.values():
            run.close()

    def _start(self, config: pytest.Config, chosen: Sequence[pytest.Item]) -> None:
        try:
            for suite in (NEWER, OLDER):
                unpacked(suite)
            command = inside(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--verbosity=1")
        except (NamespaceMissing, PackagesMissing) as error:
            self._missing = f"no real Asterisk: {error}"
            return
        lanes: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in chosen:
            lanes[_lane(item)].append(item)
        self._runs = {lane: Run(config, command, items) for lane, items in lanes.items()}

    def _reports_of(self, item: pytest.Item) -> list[pytest.TestReport]:
        if self._missing:
            # A skipped test would be a hole in CI.
            return [_report(item, "failed" if os.environ.get("CI") else "skipped", self._missing)]
        return self._runs[_lane(item)].reports_of(item)


def _lane(item: pytest.Item) -> str:
    """Tests of different lanes run at the same time, each lane in a namespace of its own."""
    return "alongside" if item.path.name in ALONGSIDE else "first"


def _report(item: pytest.Item, outcome: Any, text: str) -> pytest.TestReport:
    path, line, _ = item.location
    longrepr: Any = text if outcome == "failed" else (path, line or 0, f"Skipped: {text}")
    return pytest.TestReport(item.nodeid, item.location, {}, outcome, longrepr, "call")
