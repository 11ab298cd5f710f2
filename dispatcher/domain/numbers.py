"""Comparing telephone numbers as PBXs report them."""

import re

_NOT_DIGIT = re.compile(r"\D+")
_SHORTEST_SUFFIX = 6


def digits_of(number: str) -> str:
    """The digits of ``number`` alone: no blanks, signs or separators."""
    return number if number.isdigit() else _NOT_DIGIT.sub("", number)


def same_number(dialled: str, reported: str) -> bool:
    """Whether a number in a report can be the one that was dialled.

    A PBX reports the number after its outbound route has stripped or prepended digits (inferred:
    the manuals do not say), so the shorter one must be the end of the longer one. Fewer than six
    common digits only count when both are the same.
    """
    ours, theirs = digits_of(dialled), digits_of(reported)
    if not ours or not theirs:
        return False
    if ours == theirs:
        return True
    shorter, longer = sorted((ours, theirs), key=len)
    return len(shorter) >= _SHORTEST_SUFFIX and longer.endswith(shorter)
