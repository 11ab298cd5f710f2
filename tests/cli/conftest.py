"""A simulated PBX, a configuration for it, and the whole product in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.cli.processes import Embedded
from dispatcher.config import load
from dispatcher.simulator import SimulatedPbx, SimulatorSettings
from tests.cli.site import Site


@pytest.fixture
def pbx() -> Iterator[SimulatedPbx]:
    """A simulated PBX, a hundred times as fast as a real one."""
    with SimulatedPbx(SimulatorSettings(port=0, time_scale=0.01)) as pbx:
        yield pbx


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str, pbx: SimulatedPbx) -> Site:
    """The configuration of a small site on SQLite."""
    return Site(tmp_path, sqlite_url, pbx)


@pytest.fixture
def product(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """The whole product, which commands of the test talk to."""
    embedded = Embedded(load(site.file, {}))
    embedded.start()
    monkeypatch.setenv("DISPATCHER_URL", embedded.api_url)
    yield embedded
    embedded.stop()
