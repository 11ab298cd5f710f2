"""Asterisk over its manager interface (AMI), with the dispatcher's contexts in its dialplan."""

from dispatcher.pbx.asterisk.driver import Asterisk

__all__ = ["Asterisk"]
