"""How many calls for alarms one person takes."""

from datetime import UTC, datetime, timedelta

from dispatcher.domain.limits import allowed_at

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def test_one_more_is_allowed_when_the_first_of_them_is_a_minute_old() -> None:
    made = [NOW - timedelta(seconds=seconds) for seconds in (5, 20, 40)]
    assert allowed_at(made, NOW, 3, None) == NOW + timedelta(seconds=20)


def test_calls_from_before_the_clock_was_set_back_hold_nobody_up() -> None:
    later = [NOW + timedelta(hours=1, seconds=-place) for place in range(3)]
    assert allowed_at(later, NOW, 3, 3) == NOW
