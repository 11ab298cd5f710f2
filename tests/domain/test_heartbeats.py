"""Silence and deafness: no false alarm for a sign that we missed, and none too late for a true silence."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from dispatcher.domain.heartbeats import SETTLING, after_deafness, expected

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
HOUR = 3600.0
DAY = 24 * HOUR


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_without_an_outage_the_alarm_is_due_after_interval_and_grace() -> None:
    assert expected(START, span(60), span(5)).due_at == at(65)


def test_a_short_restart_in_the_middle_of_a_day_puts_nothing_off() -> None:
    watch = expected(START, span(DAY), span(HOUR), span(DAY))
    after = after_deafness(watch, span(HOUR), at(12 * HOUR), at(12 * HOUR + 30))
    assert after.due_at == watch.due_at


def test_a_restart_when_one_usually_signs_who_signs_more_often_than_promised_waits_for_the_next_one() -> None:
    watch = expected(START, span(DAY), span(HOUR), span(6 * HOUR))
    after = after_deafness(watch, span(HOUR), at(6 * HOUR - 10), at(6 * HOUR + 10))
    assert after.due_at == at(6 * HOUR + 10 + DAY + HOUR) + SETTLING
    unknown = expected(START, span(DAY), span(HOUR))
    assert after_deafness(unknown, span(HOUR), at(10), at(20)).due_at > unknown.due_at


def test_a_restart_when_the_sign_was_expected_waits_for_the_next_one() -> None:
    watch = expected(START, span(DAY), span(HOUR))
    after = after_deafness(watch, span(HOUR), at(DAY - 10), at(DAY + 10))
    assert after.due_at == at(DAY + 10 + DAY + HOUR) + SETTLING
    assert after.due_at <= after.latest_at


def test_what_was_overdue_before_we_stopped_listening_waits_too() -> None:
    watch = expected(START, span(60), span(0))
    after = after_deafness(watch, span(0), at(59), at(400))
    assert after.due_at == at(460) + SETTLING


@given(
    every=st.floats(2, 30 * DAY),
    share=st.floats(0.05, 1),
    grace=st.floats(1, DAY),
    begin=st.floats(0, 3),
    length=st.floats(0, 3),
)
@example(every=60, share=0.75, grace=1, begin=0.7, length=0.1)
def test_a_regular_sender_raises_no_false_alarm_over_one_outage(
    every: float, share: float, grace: float, begin: float, length: float
) -> None:
    period = every * share
    since, until = at(begin * every), at((begin + length) * every)
    watch = expected(START, span(every), span(grace))
    sign = START
    while sign + span(period) < since:
        sign += span(period)
        watch = expected(sign, span(every), span(grace), span(period))
    watch = after_deafness(watch, span(grace), since, until)
    following = sign
    while following <= until:
        following += span(period)
    assert following <= watch.due_at


@given(
    every=st.floats(2, 30 * DAY),
    grace=st.floats(0, DAY),
    outages=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), max_size=12),
)
def test_a_true_silence_is_an_alarm_after_one_more_interval_at_most(
    every: float, grace: float, outages: list[tuple[float, float]]
) -> None:
    watch = expected(START, span(every), span(grace))
    now, deaf = START, timedelta(0)
    for wait, length in outages:
        since = now + span(wait * every)
        if watch.due_at <= since:
            break
        now = since + span(length * every)
        deaf += now - since + SETTLING
        watch = after_deafness(watch, span(grace), since, now)
    slack = timedelta(milliseconds=1)
    assert watch.due_at <= START + 2 * span(every) + span(grace) + deaf + slack
    assert watch.due_at >= START + span(every) + span(grace)
