"""Heartbeats: senders that must be heard of; their silence raises an alarm, and their return resolves it."""

from dispatcher.heartbeats.hearing import Hearing
from dispatcher.heartbeats.sweep import Sweep

__all__ = ["Hearing", "Sweep"]
