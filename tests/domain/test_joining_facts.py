"""Facts are joined: order, grouping and repetition do not matter, and nothing that is known is lost."""

from hypothesis import given

from dispatcher.domain.facts import NOTHING, Facts, changes, join
from dispatcher.domain.outcomes import Terms, is_acknowledged, is_answered, is_delivered, is_heard
from dispatcher.domain.reasons import Reason
from dispatcher.domain.reports import CdrStatus
from tests.domain.reported import START
from tests.domain.strategies import facts, terms


@given(facts, facts)
def test_it_does_not_matter_which_comes_first(one: Facts, other: Facts) -> None:
    assert join(one, other) == join(other, one)


@given(facts, facts, facts)
def test_it_does_not_matter_how_they_are_grouped(one: Facts, other: Facts, third: Facts) -> None:
    assert join(join(one, other), third) == join(one, join(other, third))


@given(facts)
def test_what_is_told_twice_is_known_once(one: Facts) -> None:
    assert join(one, one) == one
    assert join(one, Facts(**one._asdict())) == one


@given(facts)
def test_nothing_adds_nothing(one: Facts) -> None:
    assert join(one, NOTHING) == join(NOTHING, one) == join(one, Facts()) == one


@given(facts, facts)
def test_the_join_tells_what_has_changed_and_only_that(one: Facts, other: Facts) -> None:
    after = join(one, other)
    told = changes(one, after)
    assert {name: getattr(after, name) for name in told} == told
    assert all(getattr(one, name) != value for name, value in told.items())
    assert changes(after, join(after, other)) == {}


@given(facts, facts)
def test_an_end_is_never_undone_nor_put_off(one: Facts, other: Facts) -> None:
    after = join(one, other)
    if one.ended_at is not None:
        assert after.ended_at is not None
        assert after.ended_at <= one.ended_at


@given(facts, facts, terms)
def test_what_is_proven_stays_proven(one: Facts, other: Facts, terms: Terms) -> None:
    """Answered, heard, acknowledged and delivered hold for good, whatever else becomes known."""
    after = join(one, other)
    assert is_heard(after) or not is_heard(one)
    assert is_answered(after, terms) or not is_answered(one, terms)
    assert is_acknowledged(after, terms) or not is_acknowledged(one, terms)
    assert is_delivered(after, terms) or not is_delivered(one, terms)


@given(facts, terms)
def test_who_acknowledges_has_heard_and_who_has_heard_has_answered(one: Facts, terms: Terms) -> None:
    assert is_heard(one) or not is_acknowledged(one, terms)
    assert is_answered(one, terms) or not is_heard(one)


# Which of two contradicting facts stays.


def test_the_best_record_of_several_stays_with_the_longest_talk() -> None:
    rows = [Facts(cdr_status=status, talk_seconds=place) for place, status in enumerate(CdrStatus)]
    best = NOTHING
    for row in reversed(rows):
        best = join(best, row)
    assert (best.cdr_status, best.talk_seconds) == (CdrStatus.ANSWERED, len(CdrStatus) - 1)


def test_the_earlier_time_stays() -> None:
    late, early = Facts(answered_at=START.replace(hour=9)), Facts(answered_at=START)
    assert join(late, early) == early


def test_the_cause_of_the_higher_precedence_stays_with_its_own_text() -> None:
    busy = Facts(cause=Reason.BUSY, cause_text="486 Busy Here")
    vague = Facts(cause=Reason.FAILED, cause_text="Unknown")
    assert join(vague, busy) == busy


def test_the_words_of_a_doubt_stay_until_there_is_a_cause() -> None:
    doubt = Facts(cause_text="timed_out: no answer within 10 s")
    closed = Facts(closed_at=START)
    assert join(doubt, closed).cause_text == doubt.cause_text
    refused = Facts(cause=Reason.CONGESTION, cause_text="10008")
    assert join(doubt, refused).cause_text == "10008"


# The keys as one string.


def test_digits_are_read_by_their_position() -> None:
    pressed = frozenset({(2, "4"), (0, "2"), (1, "1")})
    assert Facts(keys=pressed).digits == "214"


def test_digits_are_the_longest_string_that_is_known() -> None:
    assert Facts(keys=frozenset({(0, "2"), (None, "214#"), (None, "21")})).digits == "214#"
    assert Facts(keys=frozenset({(0, "2"), (1, "1"), (None, "2")})).digits == "21"
    assert NOTHING.digits == ""


def test_keys_that_are_told_one_by_one_without_a_position_are_all_kept() -> None:
    assert Facts(keys=frozenset({(None, "7"), (None, "2")})).digits == "72"
    assert Facts(keys=frozenset({(None, "2"), (None, "7"), (None, "27")})).digits == "27"
