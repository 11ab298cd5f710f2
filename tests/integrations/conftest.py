"""One running dispatcher for the tests of a file, and the programs that it is told by."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integrations.site import Site
from tests.services import ServiceMissing, binaries
from tests.services.fixtures import without_service

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dispatcher with a simulated PBX."""
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def zabbix_js() -> Path:
    """Zabbix's own engine for the scripts of media types."""
    return _found(binaries.zabbix_js)


def _found(find: Callable[[], Path]) -> Path:
    try:
        return find()
    except ServiceMissing as error:
        without_service(error)
