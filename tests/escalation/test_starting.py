"""After a start, when a key may have been pressed that nobody has heard of yet."""

import threading
import time
from collections.abc import Callable

import pytest

from dispatcher.domain.vocabulary import AlarmStatus
from dispatcher.escalation import escalator
from tests.escalation.desk import ANN, BOB, Desk, open_desk, policy, step

TWO_STEPS = policy(step(ANN, wait=60), step(BOB))


def wait_until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.02)


def started(desk: Desk) -> threading.Thread:
    thread = threading.Thread(target=desk.escalator.run)
    thread.start()
    return thread


def test_nobody_else_is_called_before_the_pbx_has_repeated_its_reports(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalator, "HEARING_AGAIN", 600.0)
    with open_desk(store_url, TWO_STEPS) as desk:
        alarm = desk.raised()
        assert desk.ring() == [ANN]
        desk.clock.move(seconds=61)
        thread = started(desk)
        time.sleep(0.3)  # Time enough to call the next, if it would.
        desk.press(ANN, "1")
        desk.escalator.stop()
        thread.join(30)

        assert desk.alarm(alarm).status == AlarmStatus.ACKNOWLEDGED
        assert desk.waiting() == []
        assert [page.step for page in desk.pages(alarm)] == [0]


def test_a_stop_does_not_wait_for_them(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalator, "HEARING_AGAIN", 600.0)
    with open_desk(store_url, TWO_STEPS) as desk:
        desk.raised()
        desk.ring()
        thread = started(desk)
        desk.escalator.stop()
        thread.join(30)

        assert not thread.is_alive()


def test_without_a_call_that_is_up_there_is_nothing_to_wait_for(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalator, "HEARING_AGAIN", 600.0)
    with open_desk(store_url, TWO_STEPS) as desk:
        desk.raised()
        desk.clock.move(seconds=61)
        thread = started(desk)
        wait_until(lambda: BOB in desk.waiting())
        desk.escalator.stop()
        thread.join(30)
