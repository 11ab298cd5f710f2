"""A driver of this family for whatever address a test has."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatcher.pbx.protocol import PbxAccount, Session
from dispatcher.pbx.yeastar_k2 import YeastarK2
from tests.pbx.drivers import Drivers, account_at

TOKEN = "48a7d7481a5355aa4fb5dc285edeb40e"
REFRESH = "58f29c380365e5546cd3ac8c34edc88c"
SESSION = Session(TOKEN)

MakeDriver = Callable[..., YeastarK2]


def account(url: str, **changed: Any) -> PbxAccount:
    return account_at(url, family=YeastarK2.family, **changed)


@pytest.fixture
def driver_for(drivers: Drivers) -> MakeDriver:
    return lambda url, **changed: drivers.make(YeastarK2, account(url, **changed))
