"""What is left to chance: new seeds for each run, and shown, so that a failure can be played again."""

import os
import random

VARIABLE = "SYSTEM_SEED"


def seed_of(what: str) -> int:
    """A seed, which is the environment's ``SYSTEM_SEED`` if that is set."""
    seed = int(os.environ.get(VARIABLE) or random.SystemRandom().randrange(1_000_000))
    tell(f"{VARIABLE}={seed} plays the {what} of this run again")
    return seed


def tell(line: str) -> None:
    """Print what a person wants to know when a test has failed, or with ``pytest -s``."""
    print(line, flush=True)  # noqa: T201 - pytest shows it with a failure
