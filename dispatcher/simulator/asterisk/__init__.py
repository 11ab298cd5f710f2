"""A simulated Asterisk: its manager interface, and the dialplan that the dispatcher needs."""

from dispatcher.simulator.asterisk.pbx import Asterisk

__all__ = ["Asterisk"]
