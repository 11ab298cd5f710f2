"""Axeos PBX, by its PBX API: calls to the PBX's users, whose own phone rings first."""

from dispatcher.pbx.axeos.driver import Axeos

__all__ = ["Axeos"]
