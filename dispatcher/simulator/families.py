"""The families that can be simulated, by the name that the configuration knows them by."""

from collections.abc import Mapping

from dispatcher.simulator.asterisk import Asterisk
from dispatcher.simulator.axeos import Axeos
from dispatcher.simulator.family import MakeFamily
from dispatcher.simulator.settings import SimulatorSettings
from dispatcher.simulator.yeastar_k2 import YeastarK2
from dispatcher.simulator.yeastar_p import YeastarP
from dispatcher.simulator.yeastar_s import YeastarS

FAMILIES: Mapping[str, MakeFamily] = {
    "yeastar-s": YeastarS,
    "yeastar-k2": YeastarK2,
    "yeastar-p": YeastarP,
    "axeos": Axeos,
    "asterisk": Asterisk,
}

_USERNAMES = {"axeos": "apiKey"}


def username_of(family: str) -> str:
    """The API user whom a PBX of this family usually has."""
    return _USERNAMES.get(family, SimulatorSettings().username)


def family_of(settings: SimulatorSettings) -> MakeFamily:
    """What builds the PBX of these settings; ValueError when they name a family that is not there."""
    make = FAMILIES.get(settings.family)
    if make is None:
        raise ValueError(f"no such family: {settings.family!r}; there are {', '.join(FAMILIES)}")
    return make
