"""Comparing telephone numbers as PBXs report them."""

import re

_NOT_DIGIT = re.compile(r"\D+")
_SHORTEST_SUFFIX = 6
_TELLING_SUFFIX = 7


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


def similar_number(dialled: str, reported: str) -> bool:
    """Whether a number in a report may be the one that was dialled, in whatever form of writing it.

    A route can strip a country code and prepend a trunk prefix, so that neither number ends in the
    other; their last seven digits are the same then. Others' may be as well: this is for the cases in
    which it is safer to take a stranger's call for ours than to overlook our own.
    """
    if same_number(dialled, reported):
        return True
    ours, theirs = digits_of(dialled)[-_TELLING_SUFFIX:], digits_of(reported)[-_TELLING_SUFFIX:]
    return len(ours) == _TELLING_SUFFIX and ours == theirs
