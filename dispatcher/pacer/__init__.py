"""Giving out channels: claims calls for the channels that are free, and wakes the dial workers."""

from dispatcher.pacer.loop import Pacer

__all__ = ["Pacer"]
