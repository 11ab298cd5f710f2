"""Bodies in hand while the database is away, or does not take them."""

import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.leases import LEASE
from dispatcher.listener import holding
from dispatcher.reports.incoming import Incoming
from tests.listener.conftest import CALLID, Desk, dialled, until
from tests.scripted import ringing, whole_call


def fail_in_the_store(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Callable[[], None]:
    """The database is away for the inbox, until the returned function is called."""
    real, is_back = desk.office.inbox.take, threading.Event()

    def take(batch: Sequence[Incoming]) -> None:
        if not is_back.is_set():
            raise OperationalError("INSERT", {}, Exception("gone"))
        real(batch)

    monkeypatch.setattr(desk.office.inbox, "take", take)
    return is_back.set


def test_while_the_database_is_away_bodies_are_held_and_reading_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = dialled(desk)
    back = fail_in_the_store(monkeypatch, desk)
    desk.start()
    for place, body in enumerate(whole_call(CALLID)):
        desk.stream(1).put(body, position=str(place))
    until(lambda: desk.stream(1).reads > 10)
    assert desk.row.position == ""
    assert desk.office.dispositions() == []

    back()
    until(lambda: desk.row.position == "4")
    assert desk.office.dispositions() == ["applied"] * 5
    assert desk.office.attempt(attempt).outcome == "delivered"


def test_no_more_is_read_than_can_be_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MOST_HELD", 3)
    back = fail_in_the_store(monkeypatch, desk)
    desk.start()
    for place in range(6):
        desk.stream(1).put(ringing(f"1543289641.{place}"))
    until(lambda: desk.stream(1).unread == 3)
    before = desk.stream(1).reads
    with pytest.raises(AssertionError):
        until(lambda: desk.stream(1).reads > before, seconds=0.3)

    back()
    until(lambda: len(desk.office.dispositions()) == 6)


def test_bodies_in_hand_outlive_the_stream_and_the_lease(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = dialled(desk)
    back = fail_in_the_store(monkeypatch, desk)
    desk.start()
    desk.stream(1).put(*whole_call(CALLID), position="5")
    desk.stream(1).cut()
    until(desk.driver.streams[0].is_closed.is_set)
    desk.die()
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)
    other.start()
    other.stream(2)
    monkeypatch.setattr(desk.leases, "_believed", {})

    back()
    until(lambda: desk.office.attempt(attempt).outcome == "delivered")
    # Another process reads by now, and where it reads is its own to say.
    assert other.row.position == ""


def test_what_could_not_be_stored_before_the_stop_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_in_the_store(monkeypatch, desk)
    desk.start()
    desk.stream(1).put(ringing("1543289641.9"), position="5")
    until(lambda: "are held" in caplog.text)

    assert desk.stop() < 5
    assert "1 reports of hq could not be stored" in caplog.text
    assert desk.row.position == ""


def test_bodies_that_break_the_inbox_are_given_up_and_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = desk.office.inbox.take

    def take(batch: Sequence[Incoming]) -> None:
        if any("1543289641.9" in item.body for item in batch):
            raise ValueError("a bug")
        real(batch)

    monkeypatch.setattr(desk.office.inbox, "take", take)
    attempt = dialled(desk)
    desk.start()
    desk.stream(1).put(position="16")
    until(lambda: desk.row.position == "16")
    assert desk.demanded()
    desk.stream(1).put(ringing("1543289641.9"), position="17")

    assert desk.stream(2).position == "17"
    assert desk.demanded() == "reports were lost"
    desk.stream(2).put(*whole_call(CALLID))
    until(lambda: desk.office.attempt(attempt).outcome == "delivered")
    assert "failed and is tried again" in caplog.text
