"""What both versions of Yeastar's API share: the envelope, its failures and its error codes."""

from collections.abc import Callable

import pytest

from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.protocol import DialOrder, Message, Observe, PbxAccount, Session
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_s import YeastarS
from tests.pbx.drivers import Drivers, account_at

SESSION = Session("48a7d7481a5355aa4fb5dc285edeb40e")
ORDER = DialOrder(TargetKind.NUMBER, "90612345678", Message(MessageKind.IVR, "6500"), "1000")

Yeastar = YeastarS | YeastarK2
MakeDriver = Callable[..., Yeastar]


@pytest.fixture(params=[YeastarS, YeastarK2], ids=lambda driver: driver.family)
def version(request: pytest.FixtureRequest) -> type[Yeastar]:
    """The driver of either version of the API."""
    driver: type[Yeastar] = request.param
    return driver


@pytest.fixture
def driver_for(drivers: Drivers, version: type[Yeastar]) -> MakeDriver:
    factory: Callable[[PbxAccount, Observe], Yeastar] = version
    return lambda url, **changed: drivers.make(factory, account_at(url, family=version.family, **changed))
