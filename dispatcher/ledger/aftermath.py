"""What must be done once a transaction has committed: nothing of it may be lost, all may be late."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Aftermath:
    """The wake-ups that a committed change calls for.

    Every one of them is only a hint: what it points at is in the store, and the slow tick finds it.
    """

    freed: set[tuple[str, str]] = field(default_factory=set)
    """Trunks, as (pbx, trunk), on which a channel became free."""
    hang_ups: list[str] = field(default_factory=list)
    """Attempts that the PBX is to be asked to end."""
    transfers: list[str] = field(default_factory=list)
    """Attempts whose calls the PBX is to be asked to put through to somebody else."""
    due: bool = False
    """Whether calls became due."""
    escalate: bool = False
    """Whether alarms are to be looked at: there may be somebody else to call."""

    def add(self, other: "Aftermath") -> None:
        """Take over everything of ``other``."""
        self.freed |= other.freed
        self.hang_ups += other.hang_ups
        self.transfers += other.transfers
        self.due = self.due or other.due
        self.escalate = self.escalate or other.escalate
