"""A simulated Axeos PBX, by the manual's chapter "PBX API"."""

from dispatcher.simulator.axeos.pbx import Axeos

__all__ = ["Axeos"]
