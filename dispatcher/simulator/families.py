"""The families that can be simulated, by the name that the configuration knows them by."""

from collections.abc import Mapping

from dispatcher.simulator.family import MakeFamily
from dispatcher.simulator.yeastar_s import YeastarS

FAMILIES: Mapping[str, MakeFamily] = {
    "yeastar-s": YeastarS,
}
