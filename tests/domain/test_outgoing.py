"""What is told of an event, who wants it, and when it is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.outgoing import (
    FAMILIES,
    GIVE_UP_AFTER,
    OF_CAMPAIGNS,
    Kind,
    kind_of,
    next_try,
    pause_after,
    wants,
)
from dispatcher.domain.vocabulary import AlarmStatus, CallState

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CHANCES = st.floats(0, 1)


def test_every_end_of_an_alarm_and_of_a_call_is_told() -> None:
    ends = [state for state in CallState if state not in (CallState.QUEUED, CallState.ACTIVE)]
    assert all(kind_of("call", state, {"outcome": "busy", "due_at": None}) for state in ends)
    assert all(kind_of("alarm", status, None) for status in AlarmStatus if status is not AlarmStatus.OPEN)


@pytest.mark.parametrize(
    ("subject", "name", "data"),
    [
        ("call", "queued", None),
        ("call", "ringing", {"digits": None}),
        ("call", "failed", {"digits": None, "outcome": None}),
        ("alarm", "repeated", None),
        ("trunk", "trying", None),
        ("webhook", "test", None),
    ],
)
def test_what_is_no_outcome_is_not_told(subject: str, name: str, data: dict[str, object] | None) -> None:
    assert kind_of(subject, name, data) is None


def test_who_wants_what() -> None:
    assert wants(None, Kind.ALARM_RAISED)
    assert wants([], Kind.ALARM_RAISED)
    assert wants(["alarm.*"], Kind.ALARM_RAISED)
    assert wants(["call.failed", "alarm.raised"], Kind.ALARM_RAISED)
    assert not wants(["alarm.resolved", "call.*"], Kind.ALARM_RAISED)
    assert set(FAMILIES) == {"alarm.*", "call.*", "campaign.*", "trunk.*", "webhook.*"}
    assert Kind.ALARM_RAISED not in OF_CAMPAIGNS
    assert Kind.CALL_FAILED in OF_CAMPAIGNS


@given(chances=st.lists(CHANCES, min_size=40, max_size=40))
def test_it_is_tried_for_three_days_and_less_and_less_often(chances: list[float]) -> None:
    now, tries, delays = NOW, 1, []
    for chance in chances:
        following = next_try(tries, now, NOW + GIVE_UP_AFTER, chance=chance)
        if following is None:
            break
        delays.append(following - now)
        now, tries = following, tries + 1
    assert now == NOW + GIVE_UP_AFTER
    assert 15 <= tries <= 25
    assert timedelta(seconds=5) <= delays[0] <= timedelta(seconds=6)
    assert max(delays) <= timedelta(hours=6) * 1.2
    assert all(later >= earlier for earlier, later in pairwise(delays[:7]))


@given(tries=st.integers(1, 10_000), chance=CHANCES, asked=st.none() | st.floats(0, 1e9))
def test_the_next_try_is_later_and_in_time(tries: int, chance: float, asked: float | None) -> None:
    give_up_at = NOW + timedelta(days=1)
    following = next_try(tries, NOW, give_up_at, chance=chance, asked=asked)
    assert following is not None
    assert NOW < following <= give_up_at
    assert next_try(tries, give_up_at, give_up_at, chance=chance, asked=asked) is None


def test_a_receivers_own_wish_is_heeded() -> None:
    give_up_at = NOW + timedelta(days=1)
    assert next_try(1, NOW, give_up_at, chance=0, asked=600) == NOW + timedelta(minutes=10)
    assert next_try(1, NOW, give_up_at, chance=0, asked=1) == NOW + timedelta(seconds=5)


def test_pauses_grow_to_twenty_seconds() -> None:
    pauses = [pause_after(failures).total_seconds() for failures in (1, 2, 3, 4, 5, 6, 5000)]
    assert pauses == [1, 2, 4, 8, 16, 20, 20]
