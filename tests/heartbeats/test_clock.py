"""The clock is set back: at boot, when it had run in local time, or with a machine that was put back."""

from datetime import timedelta

import pytest

from dispatcher.heartbeats import Hearing
from tests.heartbeats.conftest import House


def signing(house: House, seconds: int, every: int = 30) -> None:
    """Time passes, and the sender signs."""
    for _ in range(seconds // every):
        house.passes(every)
        house.hear()


def test_who_is_heard_after_the_clock_was_set_back_raises_no_alarm(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.create(every=60, grace=30)
    house.hear()
    signing(house, 180)
    house.clock.move(hours=-2)
    signing(house, 300)
    assert house.statuses() == []
    assert caplog.text.count("the clock was set back") == 1

    house.passes(89)
    assert house.statuses() == []
    house.passes(2)
    assert house.statuses() == ["open"]


def test_a_silence_that_began_before_it_is_an_alarm_in_time(house: House) -> None:
    house.create(every=60, grace=30)
    house.hear()
    signing(house, 180)
    house.passes(20)
    house.clock.move(hours=-2)
    house.passes(60)
    assert house.statuses() == []
    house.passes(20)
    assert house.statuses() == ["open"]
    assert house.row().heard_at <= house.clock()


def test_a_silence_after_it_is_an_alarm_in_time(house: House) -> None:
    house.create(every=600, grace=30)
    house.hear()
    house.passes(10, step=2)
    house.clock.move(hours=-2)
    house.hear()
    house.passes(600, step=5)
    assert house.statuses() == []
    house.passes(60, step=5)
    assert house.statuses() == ["open"]


def test_a_clock_that_was_wrong_at_boot_and_is_put_right_raises_nothing(house: House) -> None:
    """What was heard before the boot is waited for as if nothing had been."""
    house.create(every=86400, grace=60)
    house.hear()
    house.passes(20, step=2)
    due_at = house.row().due_at
    house.is_down_for(120 + 7200)
    house.passes(30, step=2)
    house.clock.move(hours=-2)
    house.passes(30, step=2)
    assert due_at <= house.row().due_at <= house.clock() + timedelta(seconds=86400 + 60)
    assert house.statuses() == []


def test_it_is_set_back_while_nothing_runs(house: House) -> None:
    house.create(every=60, grace=30)
    house.hear()
    signing(house, 180)
    house.clock.move(hours=-2)
    house.hearing = Hearing(house.core)
    house.sweep.look()
    house.passes(30)
    house.hear()
    house.passes(60)
    assert house.statuses() == []
    house.passes(60)
    assert house.statuses() == ["open"]


def test_a_second_process_whose_clock_is_ahead_is_no_step(house: House) -> None:
    house.create(every=60, grace=10)
    ahead = House(house.url, type(house.clock)(house.clock() + timedelta(minutes=5)))
    house.hear()
    ahead.hearing.beat()
    due_at = house.row().due_at
    for _ in range(10):
        ahead.passes(2, step=2)
        house.clock.move(seconds=2)
        house.hearing.beat()
    ahead.core.store.close()
    assert house.row().due_at == due_at


@pytest.mark.parametrize("seconds", [3, 30, 59])
def test_a_small_step_raises_nothing(house: House, seconds: int) -> None:
    house.create(every=60, grace=10)
    house.hear()
    signing(house, 180)
    house.clock.move(seconds=-seconds)
    signing(house, 180)
    assert house.statuses() == []
