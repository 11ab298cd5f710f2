"""System tests are slow, where they start the product's own processes, and show their logs on failure."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.system.site import Site

HERE = Path(__file__).parent
QUICK = {"test_judgement.py", "test_truth.py", "test_wire.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes have printed, since the cause of a failure is seldom in the test itself."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        report.sections.append(("processes", site.logs()))
    return report
