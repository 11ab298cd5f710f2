"""Real Asterisk, real SIP: see `tests/asterisk/relay.py` for where these tests run."""

import pytest

from tests.asterisk import relay


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if relay.FOLDER in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.slow)
        if not relay.is_inside():
            # Its time is kept inside.
            item.add_marker(pytest.mark.timeout(0))
    name = "asterisk-relay"
    if ours and not config.pluginmanager.has_plugin(name):
        config.pluginmanager.register(relay.Sender(config) if relay.is_inside() else relay.Receiver(), name)
