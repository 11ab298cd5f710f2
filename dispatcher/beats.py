"""Signs of life: what a process says again and again, so that its silence tells that it is gone."""

import threading
from abc import ABC, abstractmethod


class Beating(ABC):
    """Something that is said every few seconds, in a thread of its own, until it is stopped."""

    every_seconds = 1.5

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def run(self) -> None:
        """Say it until :meth:`stop`, then take leave."""
        while not self._stopping.is_set():
            self.beat()
            self._stopping.wait(self.every_seconds)
        self.leave()

    def stop(self) -> None:
        """End :meth:`run`."""
        self._stopping.set()

    @abstractmethod
    def beat(self) -> None:
        """Say it once. What goes wrong is logged, and the next beat tries again."""

    @abstractmethod
    def leave(self) -> None:
        """Say that no more will come, so that nobody need wait for the silence."""
