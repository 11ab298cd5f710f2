"""From what a PBX posts to facts: durable first, then sorted, then entered."""

from dispatcher.reports.inbox import Inbox
from dispatcher.reports.incoming import Incoming

__all__ = ["Inbox", "Incoming"]
