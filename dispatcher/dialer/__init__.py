"""Dialling: intent committed first, then the request with nothing open, then what came of it."""

from dispatcher.dialer.dial import Dialer
from dispatcher.dialer.hang_up import HangUp

__all__ = ["Dialer", "HangUp"]
