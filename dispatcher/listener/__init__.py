"""Reports that are fetched: the streams of PBXs that do not post, read by one process at a time."""

from dispatcher.listener.listener import Listener

__all__ = ["Listener"]
