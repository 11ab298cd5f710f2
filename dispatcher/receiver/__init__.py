"""The web side of reports: a bare ASGI application, since PBXs post many and wait for each answer."""

from dispatcher.receiver.app import ReceiverApp

__all__ = ["ReceiverApp"]
