"""Matching alarms by their labels, as Alertmanager's matchers do (its documentation, "Matchers")."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


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
                return re.fullmatch(self.value, actual) is not None
            case Op.MATCHES_NOT:
                return re.fullmatch(self.value, actual) is None


def all_fit(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether an alarm fulfils every one of ``matchers``; none at all fit nothing, lest all be silenced."""
    return bool(matchers) and all(matcher.fits(labels) for matcher in matchers)
