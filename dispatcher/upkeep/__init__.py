"""What keeps calls moving when an event was lost: sweeps, questions to the PBX, expiry and pruning."""

from dispatcher.upkeep.runner import CountWriter, Upkeep

__all__ = ["CountWriter", "Upkeep"]
