"""Matching alarms by their labels, as Alertmanager's matchers do (its documentation, "Matchers").

Regular expressions are RE2's, as Alertmanager's are: whatever somebody writes, the time that one takes grows
no faster than the text it reads. One that could run for minutes would hold up every alarm behind it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import re2

_QUIETLY = re2.Options()
_QUIETLY.log_errors = False


class Op(StrEnum):
    """How a label's value is held against a matcher's. A regular expression must match all of it."""

    IS = "="
    IS_NOT = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. A label that an alarm does not have counts as empty."""

    label: str
    op: Op
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether an alarm with these labels fulfils it."""
        actual = labels.get(self.label, "")
        match self.op:
            case Op.IS:
                return actual == self.value
            case Op.IS_NOT:
                return actual != self.value
            case Op.MATCHES:
                return whole_match(self.value)(actual) is not None
            case Op.MATCHES_NOT:
                return whole_match(self.value)(actual) is None


@lru_cache(maxsize=1024)
def whole_match(pattern: str) -> Callable[[str], object | None]:
    """What says whether a regular expression matches the whole of a text, by None where it does not.

    Raises ``ValueError`` that says what is wrong with the pattern.
    """
    try:
        return re2.compile(pattern, _QUIETLY).fullmatch
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise ValueError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None


def all_fit(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether an alarm fulfils every one of ``matchers``; none at all fit nothing, lest all be silenced."""
    return bool(matchers) and all(matcher.fits(labels) for matcher in matchers)
