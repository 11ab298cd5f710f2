"""When a call is dialled again, and when it ends."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.retry import (
    COSTS_NOTHING,
    DEFAULT_DELAYS,
    LONGEST_BACKOFF,
    PERMANENT,
    Finish,
    History,
    Redial,
    RetryRules,
    Step,
    backoff,
    costs,
    next_step,
)
from dispatcher.domain.vocabulary import CallKind, CallState, Outcome
from tests.domain.reported import START

FIRST = History(spent=1, free=0)


def step(
    outcome: Outcome,
    history: History = FIRST,
    rules: RetryRules | None = None,
    *,
    kind: CallKind = CallKind.ALARM,
    maybe_reached: bool = True,
    expires_at: datetime | None = None,
) -> Step:
    return next_step(
        outcome,
        history,
        rules or RetryRules(),
        kind=kind,
        maybe_reached=maybe_reached,
        now=START,
        expires_at=expires_at,
    )


def seconds_to(redial: Step) -> float:
    assert isinstance(redial, Redial)
    return (redial.due_at - START).total_seconds()


# One budget, a delay for each cause.


@pytest.mark.parametrize("outcome", sorted(set(DEFAULT_DELAYS) - COSTS_NOTHING))
def test_the_delay_is_that_of_the_cause(outcome: Outcome) -> None:
    assert seconds_to(step(outcome)) == DEFAULT_DELAYS[outcome]
    assert seconds_to(step(outcome, rules=RetryRules(3, {outcome: 7.5}))) == 7.5


@pytest.mark.parametrize("outcome", sorted(set(DEFAULT_DELAYS) - COSTS_NOTHING))
def test_all_causes_share_one_budget(outcome: Outcome) -> None:
    assert isinstance(step(outcome, History(spent=2, free=0)), Redial)
    last = step(outcome, History(spent=3, free=0))
    assert last == Finish(CallState.FAILED, outcome, "all 3 attempts used")


@pytest.mark.parametrize("outcome", sorted(PERMANENT))
def test_a_permanent_cause_ends_the_call_at_once(outcome: Outcome) -> None:
    ended = step(outcome, History(spent=1, free=0), RetryRules(max_attempts=9))
    assert isinstance(ended, Finish)
    assert (ended.state, ended.outcome) == (CallState.FAILED, outcome)


def test_delivered_and_cancelled_are_final() -> None:
    assert step(Outcome.DELIVERED) == Finish(CallState.DELIVERED, Outcome.DELIVERED, "delivered as asked")
    assert step(Outcome.CANCELLED) == Finish(CallState.CANCELLED, Outcome.CANCELLED, "hung up by request")


# What is not the callee's doing.


@pytest.mark.parametrize("outcome", sorted(COSTS_NOTHING))
def test_a_failure_of_the_trunk_costs_nothing_and_backs_off(outcome: Outcome) -> None:
    base = DEFAULT_DELAYS[outcome]
    waits = [seconds_to(step(outcome, History(spent=2, free=free))) for free in range(1, 12)]
    assert waits[:4] == [base, 2 * base, 4 * base, 8 * base]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_BACKOFF


def test_the_back_off_doubles_to_five_minutes_and_stays_there() -> None:
    assert [backoff(10.0, failures) for failures in (0, 1, 2, 5, 6, 1000)] == [10, 10, 20, 160, 300, 300]


def test_a_longer_delay_that_was_asked_for_is_kept() -> None:
    assert backoff(900.0, 1) == backoff(900.0, 4) == 900.0


# The expiry.


def test_a_call_expires_when_its_next_attempt_would_come_too_late() -> None:
    in_half_a_minute = START + timedelta(seconds=30)
    ended = step(Outcome.BUSY, expires_at=in_half_a_minute)
    assert isinstance(ended, Finish)
    assert ended.state is CallState.EXPIRED
    assert isinstance(step(Outcome.BUSY, expires_at=in_half_a_minute + timedelta(seconds=1)), Redial)


def test_an_expired_call_is_still_delivered() -> None:
    ended = step(Outcome.DELIVERED, expires_at=START - timedelta(hours=1))
    assert isinstance(ended, Finish)
    assert ended.state is CallState.DELIVERED


# A call that may have been reached.


def test_an_alarm_calls_better_twice_than_never() -> None:
    assert isinstance(step(Outcome.UNKNOWN, kind=CallKind.ALARM, maybe_reached=True), Redial)


def test_a_campaign_never_calls_twice() -> None:
    ended = step(Outcome.UNKNOWN, kind=CallKind.CAMPAIGN, maybe_reached=True)
    assert isinstance(ended, Finish)
    assert (ended.state, ended.outcome) == (CallState.FAILED, Outcome.UNKNOWN)


def test_a_campaign_calls_again_when_nobody_can_have_been_reached() -> None:
    assert isinstance(step(Outcome.UNKNOWN, kind=CallKind.CAMPAIGN, maybe_reached=False), Redial)


# Over any sequence of outcomes.


@dataclass
class Life:
    """A call that is dialled until it ends, or as long as there are outcomes."""

    rules: RetryRules
    kind: CallKind
    expires_at: datetime | None
    now: datetime = START
    spent: int = 0
    free: int = 0
    steps: list[Step] = field(default_factory=list)

    def dial(self, outcome: Outcome, maybe_reached: bool) -> None:
        assert not self.steps or isinstance(self.steps[-1], Redial), "dialled after its end"
        self.spent += costs(outcome)
        self.free = 0 if costs(outcome) else self.free + 1
        taken = next_step(
            outcome,
            History(self.spent, self.free),
            self.rules,
            kind=self.kind,
            maybe_reached=maybe_reached,
            now=self.now,
            expires_at=self.expires_at,
        )
        self.steps.append(taken)
        if isinstance(taken, Redial):
            assert taken.due_at > self.now
            assert self.expires_at is None or taken.due_at < self.expires_at
            self.now = taken.due_at

    @property
    def has_ended(self) -> bool:
        return bool(self.steps) and isinstance(self.steps[-1], Finish)


delays = st.dictionaries(st.sampled_from(Outcome), st.floats(0.001, 3600), max_size=4)
lives = st.builds(
    Life,
    rules=st.builds(RetryRules, st.integers(1, 6), delays),
    kind=st.sampled_from(CallKind),
    expires_at=st.none() | st.timedeltas(timedelta(0), timedelta(hours=1)).map(lambda ahead: START + ahead),
)
Dials = list[tuple[Outcome, bool]]
"""The outcome of each dial, and whether the person may have been reached all the same."""

dials = st.lists(st.tuples(st.sampled_from(Outcome), st.booleans()), min_size=1, max_size=40)


@given(lives, dials)
def test_no_more_attempts_are_spent_than_the_budget_has(life: Life, dials: Dials) -> None:
    for outcome, maybe_reached in dials:
        life.dial(outcome, maybe_reached)
        if life.has_ended:
            break
    assert life.spent <= life.rules.max_attempts


@given(lives, dials)
def test_a_call_that_costs_attempts_always_ends(life: Life, dials: Dials) -> None:
    costly = [item for item in dials if costs(item[0])] or [(Outcome.BUSY, False)]
    dialled = 0
    while not life.has_ended:
        life.dial(*costly[dialled % len(costly)])
        dialled += 1
        assert dialled <= life.rules.max_attempts


@given(lives, dials)
def test_a_delivered_call_is_never_dialled_again(life: Life, dials: Dials) -> None:
    for outcome, maybe_reached in [*dials, (Outcome.DELIVERED, False)]:
        life.dial(outcome, maybe_reached)
        if life.has_ended:
            break
    last = life.steps[-1]
    assert isinstance(last, Finish)
    assert (last.state is CallState.DELIVERED) == (last.outcome is Outcome.DELIVERED)
    assert all(isinstance(taken, Redial) for taken in life.steps[:-1])
    assert not [taken for taken in life.steps[:-1] if taken.cause is Outcome.DELIVERED]
