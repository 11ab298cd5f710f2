"""The web side of reports: as little HTTP as it takes, since PBXs post many and wait for each answer."""

from dispatcher.receiver.receiver import Receiver
from dispatcher.receiver.server import ReportServer

__all__ = ["Receiver", "ReportServer"]
