"""What the tests of every PBX family share."""

from collections.abc import Iterator

import pytest

from tests.pbx.drivers import Drivers, Observed


@pytest.fixture
def drivers() -> Iterator[Drivers]:
    """Makes drivers, and closes them after the test."""
    made = Drivers()
    yield made
    made.close()


@pytest.fixture
def observed(drivers: Drivers) -> Observed:
    """(operation, result) of every request."""
    return drivers.observed
