"""Which driver serves which family. A new family is a folder and a line here."""

from collections.abc import Callable

from dispatcher.pbx.asterisk import Asterisk
from dispatcher.pbx.axeos import Axeos
from dispatcher.pbx.protocol import Capabilities, Driver, Observe, PbxAccount
from dispatcher.pbx.yeastar_k2 import YeastarK2
from dispatcher.pbx.yeastar_p import YeastarP
from dispatcher.pbx.yeastar_s import YeastarS

DriverFactory = Callable[[PbxAccount, Observe], Driver]

FAMILIES: dict[str, DriverFactory] = {
    "yeastar-s": YeastarS,
    "yeastar-k2": YeastarK2,
    "yeastar-p": YeastarP,
    "axeos": Axeos,
    "asterisk": Asterisk,
}

CAPABILITIES: dict[str, Capabilities] = {
    "yeastar-s": YeastarS.capabilities,
    "yeastar-k2": YeastarK2.capabilities,
    "yeastar-p": YeastarP.capabilities,
    "axeos": Axeos.capabilities,
    "asterisk": Asterisk.capabilities,
}


def make_driver(account: PbxAccount, observe: Observe) -> Driver:
    """The driver for ``account``; raises ``KeyError`` for a family that is not listed."""
    return FAMILIES[account.family](account, observe)
