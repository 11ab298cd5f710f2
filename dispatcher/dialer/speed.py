"""How many dials one thread begins at once, by how fast the PBX answers."""

from dispatcher.core import MOST_TOGETHER

WINDOW_SECONDS = 0.1
"""What is begun together is sent within about this time: so little stays in doubt if the process dies."""

_WEIGHT = 0.2


class Speed:
    """The time that a dial request has lately taken. Threads may note and read it at once.

    It begins as slow, so that a PBX shows that it is fast before more than one call is begun at a time.
    """

    def __init__(self) -> None:
        self._seconds = WINDOW_SECONDS

    def note(self, seconds: float) -> None:
        """One more request has taken ``seconds``."""
        self._seconds += _WEIGHT * (seconds - self._seconds)

    @property
    def together(self) -> int:
        """How many dials fit into :data:`WINDOW_SECONDS`, at least one."""
        return max(1, min(MOST_TOGETHER, int(WINDOW_SECONDS / max(self._seconds, 1e-6))))
