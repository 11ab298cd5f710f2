"""Fitting the interpreter to many short tasks on a few threads."""

import gc
import sys

_SWITCH_SECONDS = 0.0005
_YOUNG_OBJECTS = 50_000


def tune() -> None:
    """Set this process up for its work; called once, when everything it needs has been made.

    A report or a dial makes thousands of objects that die at once, so the collector looks less often,
    and not at all at what was there before the work began. A thread that waits for the interpreter
    gets it within half a millisecond instead of five, since each stage of a call is a few of those.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)
