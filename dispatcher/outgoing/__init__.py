"""Telling other systems what has happened: each event becomes messages, and each message is tried."""

from dispatcher.outgoing.courier import Courier
from dispatcher.outgoing.fan_out import FanOut

__all__ = ["Courier", "FanOut"]
