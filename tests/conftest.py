"""What every test gets: the servers' fixtures, Hypothesis without deadlines, and a clean environment."""

import os

import hypothesis
import pytest

pytest_plugins = ["tests.services.fixtures"]

# Two shared cores make single examples slow at times; in CI the same examples are drawn every time.
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own shell reaches a test."""
    for name in os.environ:
        if name.startswith("DISPATCHER_"):
            monkeypatch.delenv(name)
