"""Dialling: intent committed first, then the request with nothing open, then what came of it."""

from dispatcher.dialer.dial import Dialer
from dispatcher.dialer.hang_up import HangUp
from dispatcher.dialer.transfer import Transfer

__all__ = ["Dialer", "HangUp", "Transfer"]
