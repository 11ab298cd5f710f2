"""A driver of this family for whatever address a test has."""

from collections.abc import Callable
from typing import Any

import pytest

from dispatcher.domain.vocabulary import MessageKind, TargetKind
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.protocol import DialOrder, Message, PbxAccount, Session
from tests.pbx.drivers import Drivers, account_at

KEY = "8d0a0704a96db1773fcb52db2f3e0979"
SESSION = Session("anything")
TO_USER = DialOrder(TargetKind.USER, "anna", Message(MessageKind.IVR, "6500"))
TO_NUMBER = DialOrder(TargetKind.NUMBER, "+31201234567", Message(MessageKind.PROMPT, "alarm"))

MakeDriver = Callable[..., Axeos]


def account(url: str, **changed: Any) -> PbxAccount:
    return account_at(url, family=Axeos.family, username="apiKey", password=KEY, **changed)


@pytest.fixture
def driver_for(drivers: Drivers) -> MakeDriver:
    return lambda url, **changed: drivers.make(Axeos, account(url, **changed))
