"""Seeds of what is left to chance: new ones for each run, printed, so that a failure can be played again."""

import os
import random

VARIABLE = "SYSTEM_SEED"


def seed_of(what: str) -> int:
    """A seed, which is the environment's ``SYSTEM_SEED`` if that is set."""
    seed = int(os.environ.get(VARIABLE) or random.SystemRandom().randrange(1_000_000))
    print(f"{VARIABLE}={seed} plays the {what} of this run again")
    return seed
