"""The families that can be simulated, by the name that the configuration knows them by."""

from collections.abc import Mapping

from dispatcher.simulator.family import MakeFamily
from dispatcher.simulator.yeastar_k2 import YeastarK2
from dispatcher.simulator.yeastar_s import YeastarS

FAMILIES: Mapping[str, MakeFamily] = {
    "yeastar-s": YeastarS,
    "yeastar-k2": YeastarK2,
}
