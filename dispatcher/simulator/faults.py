"""Things that go wrong on purpose: each with a probability, drawn from a seeded generator of its own."""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """Every fault that can be switched on."""

    DUPLICATE_REPORT = "duplicate_report"
    """The report is sent twice."""
    LATE_REPORT = "late_report"
    """The report is held back for `late_seconds`, and overtaken."""
    REORDERED_REPORT = "reordered_report"
    """The report changes places with the next one of the same call."""
    LOST_REPORT = "lost_report"
    """The report is never sent."""
    MALFORMED_REPORT = "malformed_report"
    """The report is not JSON, in one of the ways of the manual's own samples."""
    EARLY_REPORTS = "early_reports"
    """Reports of the call go out before the dial request is answered."""
    DIAL_LOST_AFTER = "dial_lost_after"
    """The call is placed, then the connection is cut without an answer."""
    DIAL_LOST_BEFORE = "dial_lost_before"
    """The connection is cut and no call is placed."""
    DIAL_502 = "dial_502"
    """The call is placed, and the request answered with HTTP 502."""
    DIAL_500 = "dial_500"
    """The request is answered with HTTP 500 and no call is placed."""
    SLOW_RESPONSE = "slow_response"
    """The dial request is answered after `slow_seconds`; the call goes its way meanwhile."""
    ERROR_30001 = "error_30001"
    """The dial request is answered with errno 30001 and no call is placed."""
    EXTRA_CDR = "extra_cdr"
    """One more call record with the same callid: one second, NO ANSWER."""
    STATUS_AFTER_CDR = "status_after_cdr"
    """The last CallStatus of an answered call comes after its NewCdr (yeastar-k2)."""
    EMPTY_MEMBERS = "empty_members"
    """The report names none of the parties (yeastar-k2)."""
    POLL_CUT = "poll_cut"
    """The connection of a request for events is cut (axeos)."""
    RESTART = "restart"
    """The PBX restarts right after it has accepted the call."""
    TRUNK_DOWN = "trunk_down"
    """The trunk of the call goes down for `trunk_down_seconds`."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities (0 to 1) by fault, the seed, and how long the lasting ones last.

    `actions` limits the faults of reports to those named (`NewCdr`, `BYE`, …); empty means all.
    """

    probabilities: dict[Fault, float] = field(default_factory=dict)
    seed: int = 0
    actions: frozenset[str] = frozenset()
    late_seconds: float = 1.0
    early_seconds: float = 0.2
    slow_seconds: float = 1.0
    trunk_down_seconds: float = 5.0
    restart_seconds: float = 0.0


class FaultDice:
    """Decides whether a fault strikes now. Same seed, same questions: same answers."""

    def __init__(self, faults: Faults) -> None:
        self.settings = faults
        self._armed: Counter[Fault] = Counter()
        self._random: dict[Fault, random.Random] = {}
        self._on_reports = False
        self.use(faults)

    def use(self, faults: Faults) -> None:
        """Take new probabilities, and start every generator anew from the seed."""
        self.settings = faults
        self._random = {fault: random.Random(f"{faults.seed}:{fault}") for fault in Fault}
        self._refresh()

    def arm(self, fault: Fault, times: int = 1) -> None:
        """Make this fault strike the next `times` times, whatever its probability."""
        self._armed[fault] += times
        self._refresh()

    def strikes(self, fault: Fault) -> bool:
        """Whether the fault strikes this time."""
        if self._armed and self._armed[fault] > 0:
            self._armed[fault] -= 1
            self._refresh()
            return True
        probability = self.settings.probabilities.get(fault, 0.0)
        return probability > 0 and self._random[fault].random() < probability

    def on_report(self, action: str) -> bool:
        """Whether any fault of reports may concern this one; a cheap first question."""
        return self._on_reports and (not self.settings.actions or action in self.settings.actions)

    def _refresh(self) -> None:
        self._armed = +self._armed
        self._on_reports = any(
            self._armed[fault] > 0 or self.settings.probabilities.get(fault, 0.0) > 0
            for fault in (
                Fault.DUPLICATE_REPORT,
                Fault.LATE_REPORT,
                Fault.REORDERED_REPORT,
                Fault.LOST_REPORT,
                Fault.MALFORMED_REPORT,
            )
        )
