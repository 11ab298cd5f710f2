"""What the PBX's answers prove about a call in question, held against every truth that there can be."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.domain.doubt import (
    LONGEST_LOOK,
    Known,
    Look,
    Question,
    Step,
    Waits,
    after_look,
    next_step,
    pause_after,
)

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
SETTLE = 30.0
WAITS = Waits(written=timedelta(seconds=10), patience=timedelta(seconds=120))
LONGEST = 400.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the PBX does with one dial request that came into doubt at second 0.

    It may place the call until second 30 (or has before), let it last, and write its record within ten
    seconds of the end. ``recorded`` is False on a PBX that writes none for such calls.
    """

    placed: float | None
    lasts: float = 0.0
    writing: float = 0.0
    recorded: bool = True

    @property
    def ended(self) -> float:
        return (self.placed or 0.0) + self.lasts

    def is_up(self, second: float) -> bool:
        return self.placed is not None and self.placed <= second < self.ended

    def has_record(self, second: float) -> bool:
        return self.placed is not None and self.recorded and second >= self.ended + self.writing


# Short calls around the end of the settling are where a wrong rule goes wrong.
truths = st.builds(
    Truth,
    placed=st.one_of(st.none(), st.integers(-10, int(SETTLE)), st.integers(20, int(SETTLE))),
    lasts=st.one_of(st.integers(0, 12), st.integers(0, 300)),
    writing=st.sampled_from([0.0, 3.0, 10.0]),
    recorded=st.sampled_from([True, True, True, False]),
)


@dataclass(slots=True)
class Story:
    """One call in question, asked about by the rules until something is concluded."""

    truth: Truth
    question: Question
    known: Known = field(default_factory=Known)
    second: float = 0.0
    looks: int = 0
    concluded: Step | None = None

    def go_on(self, delay: float, took: float, *, works: bool) -> None:
        """The next step, ``delay`` late; an answer takes a while, and may not come at all."""
        following = next_step(self.question, self.known, WAITS, at(self.second))
        due = max(self.second, (following.at - START).total_seconds())
        self.second = due + delay
        following = next_step(self.question, self.known, WAITS, at(self.second))
        match following.step:
            case Step.LOOK:
                self._look(took, works)
            case Step.FETCH:
                self._fetch(took, works)
            case _:
                self.concluded = following.step

    def _look(self, took: float, works: bool) -> None:
        sent, self.second = self.second, self.second + took
        self.looks += 1
        if works:
            # The list shows the moment at which the PBX made it, anywhere between question and answer.
            made = sent + took / 2
            look = Look(at(sent), at(self.second), self.truth.is_up(made))
            self.known = after_look(self.question, self.known, look)

    def _fetch(self, took: float, works: bool) -> None:
        sent, self.second = self.second, self.second + took
        if not works:
            return
        if self.truth.has_record(sent):
            self.concluded = Step.FETCH  # The record tells.
            return
        self.known = replace(self.known, records_at=at(sent), vouched=self.truth.recorded)


def question(*, placed: bool = False, seen: bool = True, records: bool = True) -> Question:
    settled = at(5) if placed else at(SETTLE)
    return Question(at(0), settled, is_placed=placed, can_be_seen=seen, has_records=records)


steps = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0.0, 20.0)),
        st.one_of(st.just(0.1), st.floats(0.01, 10.0)),
        st.sampled_from([True, True, True, False]),
    ),
    min_size=30,
    max_size=30,
)


@settings(max_examples=400)
@given(truth=truths, steps=steps)
def test_no_call_that_existed_is_ever_proven_never_placed(
    truth: Truth, steps: list[tuple[float, float, bool]]
) -> None:
    story = Story(truth, question())
    for delay, took, works in steps:
        story.go_on(delay, took, works=works)
        if story.concluded is not None:
            break
    if story.concluded is Step.NEVER_PLACED:
        assert truth.placed is None


@settings(max_examples=400)
@given(truth=truths, steps=steps, placed=st.booleans(), records=st.booleans())
def test_no_call_is_closed_while_it_is_up(
    truth: Truth, steps: list[tuple[float, float, bool]], placed: bool, records: bool
) -> None:
    if placed:
        truth = replace(truth, placed=-1.0)
    story = Story(truth, question(placed=placed, records=records))
    for delay, took, works in steps:
        story.go_on(delay, took, works=works)
        if story.concluded is not None:
            break
    if story.concluded is not None:
        assert not truth.is_up(story.second)
        assert truth.placed is None or truth.placed <= story.second


@given(truth=truths, delays=st.lists(st.floats(0.0, 1.0), min_size=80, max_size=80))
def test_with_a_pbx_that_answers_every_question_ends_soon(truth: Truth, delays: list[float]) -> None:
    story = Story(truth, question())
    for delay in delays:
        story.go_on(delay, 0.1, works=True)
        if story.concluded is not None:
            break
    assert story.concluded is not None
    over = max(truth.ended if truth.placed is not None else 0.0, SETTLE)
    assert story.second <= over + LONGEST_LOOK.total_seconds() + 10 + 5


@given(truth=truths)
def test_what_was_never_placed_is_proven_where_the_pbx_is_known(truth: Truth) -> None:
    story = Story(replace(truth, placed=None, recorded=True), question())
    while story.concluded is None:
        story.go_on(0.0, 0.1, works=True)
    assert story.concluded is Step.NEVER_PLACED
    assert story.second < SETTLE + 15


@pytest.mark.parametrize(
    "known",
    [
        Known(absent_at=at(31), records_at=at(42)),
        Known(absent_at=at(31), records_at=at(42), vouched=True, perhaps=True),
        Known(absent_at=at(31), records_at=at(42), vouched=True, shown_at=at(5)),
    ],
    ids=["no witness", "perhaps its own", "once shown"],
)
def test_what_is_not_proven_is_only_closed(known: Known) -> None:
    assert next_step(question(), known, WAITS, at(50)).step is Step.CLOSE


@pytest.mark.parametrize(
    "changed",
    [question(placed=True), question(seen=False)],
    ids=["it was placed", "the PBX could not have shown it"],
)
def test_of_these_nothing_can_prove_that_they_were_never_placed(changed: Question) -> None:
    known = Known(absent_at=at(31), records_at=at(500), vouched=True)

    assert next_step(changed, known, WAITS, at(510)).step is Step.CLOSE


def test_a_list_from_before_the_request_has_settled_proves_no_absence() -> None:
    known = after_look(question(), Known(), Look(at(29), at(33), shows=False))

    assert known.absent_at is None
    assert next_step(question(), known, WAITS, at(33)).step is Step.LOOK


def test_a_call_that_is_shown_again_is_not_absent_any_more() -> None:
    known = after_look(question(), Known(), Look(at(31), at(32), shows=False))
    assert known.absent_at == at(32)
    known = after_look(question(), known, Look(at(34), at(35), shows=True))
    assert (known.absent_at, known.shown_at) == (None, at(35))


def test_records_from_before_they_are_written_do_not_count() -> None:
    known = Known(looks=1, looked_at=at(32), absent_at=at(32), records_at=at(41))

    following = next_step(question(), known, WAITS, at(41))
    assert (following.step, following.at) == (Step.FETCH, at(42))


def test_the_pause_between_looks_doubles_and_is_bounded() -> None:
    pauses = [pause_after(looks).total_seconds() for looks in range(1, 8)]

    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    assert pause_after(10_000) == LONGEST_LOOK
