"""When a call is tried again, and when it ends.

One budget of attempts per call is shared by all outcomes; each outcome has its own delay. What was
not the callee's doing, and rang nobody's phone, costs no attempt but backs off, doubling up to
:data:`LONGEST_BACKOFF`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dispatcher.domain.reasons import OF_THE_LINE, OF_THE_SET_UP, Reason
from dispatcher.domain.vocabulary import CallKind, CallState, Outcome

PERMANENT = frozenset({Outcome.INVALID_NUMBER, Outcome.NOT_PERMITTED})
"""Outcomes that end a call at once: dialling again cannot help."""

COSTS_NOTHING = frozenset({Outcome.CONGESTION, Outcome.UNREACHABLE})
"""Outcomes that are the trunk's or the PBX's doing and take nothing from the callee's budget."""

LEAVES_OPEN = frozenset({Outcome.UNKNOWN, Outcome.NOT_HEARD})
"""Outcomes of which lost reports may hide that the message was delivered."""

LONGEST_BACKOFF = 300.0

DEFAULT_DELAYS: dict[Outcome, float] = {
    Outcome.NOT_HEARD: 20.0,
    Outcome.BUSY: 30.0,
    Outcome.NO_ANSWER: 60.0,
    Outcome.REJECTED: 60.0,
    Outcome.VOICEMAIL: 60.0,
    Outcome.UNKNOWN: 60.0,
    Outcome.CONGESTION: 5.0,
    Outcome.UNREACHABLE: 10.0,
}


@dataclass(frozen=True, slots=True)
class RetryRules:
    """``max_attempts`` is the one budget; ``delays`` are seconds after each outcome."""

    max_attempts: int = 3
    delays: Mapping[Outcome, float] = field(default_factory=dict)

    def delay(self, outcome: Outcome) -> float:
        """Seconds to wait after ``outcome`` before the next attempt."""
        return self.delays.get(outcome, DEFAULT_DELAYS.get(outcome, 60.0))


@dataclass(frozen=True, slots=True)
class History:
    """What a call's attempts have used so far, the one that just ended included."""

    spent: int
    """Attempts that count against the budget."""
    free: int
    """Attempts in a row that cost nothing."""


@dataclass(frozen=True, slots=True)
class Made:
    """One attempt of a call: which it was, and what is known of it by now; no outcome while it is open."""

    ordinal: int
    outcome: Outcome | None
    cause: Reason | None = None
    rang: bool = False
    """Whether a phone was reported to ring."""
    inside: bool = False
    """Whether it called one of the PBX's own phones, over no trunk."""


def history_of(attempts: Sequence[Made], budget_from: int = 0) -> History:
    """What a call's ``attempts`` have used, counted anew from what is known of each.

    So it matters neither when nor in which order a report came: an attempt whose reason is learned late is
    charged, or given back, as if it had been known at once. Attempts up to the ordinal ``budget_from``
    belong to an earlier budget. Below zero it says how many of this budget were used in an earlier call.
    """
    ended = sorted((one for one in attempts if one.outcome is not None), key=lambda one: one.ordinal)
    spent = max(0, -budget_from) + sum(_is_charged(one) for one in ended if one.ordinal > budget_from)
    free = 0
    for one in reversed(ended):
        if one.outcome not in COSTS_NOTHING or _is_charged(one):
            break
        free += 1
    return History(spent, free)


def _is_charged(attempt: Made) -> bool:
    """Whether an attempt takes something from the callee's budget.

    What the PBX refuses for how it is set up is charged to nobody: nobody was called. Where a phone rang the
    trunk has done its part, whatever ended the call then; some carriers say 503 when nobody answers. An
    extension that can't be reached is at fault itself: it is switched off, or not registered.
    """
    if attempt.outcome is None or attempt.outcome is Outcome.NOT_PERMITTED:
        return attempt.outcome is not None and attempt.cause not in OF_THE_SET_UP
    if costs(attempt.outcome) or attempt.rang:
        return True
    return attempt.inside and attempt.cause in OF_THE_LINE


@dataclass(frozen=True, slots=True)
class Redial:
    """Try again at ``due_at``, because of ``cause``."""

    due_at: datetime
    cause: Outcome


@dataclass(frozen=True, slots=True)
class Finish:
    """The call has reached its final ``state``; ``why`` is for the event row."""

    state: CallState
    outcome: Outcome
    why: str


Step = Redial | Finish


def costs(outcome: Outcome) -> bool:
    """Whether an attempt with this outcome uses up the call's budget, even if no phone rang."""
    return outcome not in COSTS_NOTHING


def backoff(base: float, failures: int) -> float:
    """Seconds to wait after ``failures`` free failures in a row; never less than ``base``."""
    doubled = base * 2 ** max(0, min(failures, 16) - 1)
    return float(max(base, min(doubled, LONGEST_BACKOFF)))


def next_step(
    outcome: Outcome,
    history: History,
    rules: RetryRules,
    *,
    kind: CallKind,
    maybe_reached: bool,
    now: datetime,
    expires_at: datetime | None,
) -> Step:
    """What a call does after an attempt with ``outcome``.

    ``maybe_reached`` says that an ``unknown`` or ``not_heard`` attempt may have delivered its message, and
    that the reports which would tell are lost. An alarm is then dialled again (better twice than never);
    a campaign call is not (never twice). Where a failure of the trunk or the line was charged all the same,
    the phone is left alone for at least as long as one that nobody answers: it rang, or it is an extension
    that may be starting again after a power cut.
    """
    final = _final(outcome, history, rules, kind, maybe_reached)
    if final is not None:
        return final
    delay = rules.delay(outcome)
    if not costs(outcome):
        is_free = history.free > 0
        delay = backoff(delay, history.free) if is_free else max(delay, rules.delay(Outcome.NO_ANSWER))
    due_at = now + timedelta(seconds=delay)
    if expires_at is not None and due_at >= expires_at:
        return Finish(
            CallState.EXPIRED, outcome, f"the next attempt after {outcome} would come after the expiry"
        )
    return Redial(due_at, outcome)


def _final(
    outcome: Outcome, history: History, rules: RetryRules, kind: CallKind, maybe_reached: bool
) -> Finish | None:
    if outcome is Outcome.DELIVERED:
        return Finish(CallState.DELIVERED, outcome, "delivered as asked")
    if outcome is Outcome.CANCELLED:
        return Finish(CallState.CANCELLED, outcome, "hung up by request")
    if outcome in PERMANENT:
        return Finish(CallState.FAILED, outcome, f"{outcome} is permanent")
    if outcome in LEAVES_OPEN and maybe_reached and kind is CallKind.CAMPAIGN:
        return Finish(
            CallState.FAILED, outcome, "the person may have been reached; a campaign never calls twice"
        )
    if history.spent >= rules.max_attempts:
        return Finish(CallState.FAILED, outcome, f"all {rules.max_attempts} attempts used")
    return None
