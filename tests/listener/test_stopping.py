"""A process that stops, in order or not: what is read on, and who reads next."""

import threading

from dispatcher.leases import LEASE
from tests.listener.conftest import CALLID, Desk, dialled, until
from tests.scripted import answered, bye, key, record, ringing


def stopping(desk: Desk, seconds: float) -> tuple[threading.Thread, list[float]]:
    """Stop a desk in a thread; the seconds it took are appended."""
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(desk.stop(seconds)))
    thread.start()
    return thread, took


def test_what_the_pbx_does_not_keep_is_read_on_while_calls_are_up(desk: Desk) -> None:
    """Somebody listens when the process is told to stop: the key that follows counts."""
    attempt = dialled(desk)
    desk.start()
    desk.stream(1).put(ringing(CALLID), answered(CALLID))
    until(lambda: desk.office.attempt(attempt).answered_at is not None)

    thread, took = stopping(desk, 20.0)
    desk.stream(1).is_closed.wait(0.2)
    assert took == []
    desk.stream(1).put(key(CALLID))
    desk.stream(1).put(bye(CALLID), record(CALLID))
    thread.join(timeout=20)
    assert took[0] < 10.0
    assert desk.office.attempt(attempt).outcome == "delivered"
    assert desk.office.attempt(attempt)._mapping["keys"] == [[0, "1"]]
    assert desk.stream(1).is_closed.is_set()
    assert not desk.up()


def test_it_is_not_read_on_for_ever(desk: Desk) -> None:
    dialled(desk)
    desk.start()
    until(desk.up)
    thread, took = stopping(desk, 0.3)
    thread.join(timeout=20)
    assert 0.3 <= took[0] < 5.0
    assert len(desk.driver.streams) == 1


def test_what_the_pbx_keeps_is_left_to_the_next_reader(desk: Desk) -> None:
    """Its place is known, so that the key is there when the next one comes."""
    dialled(desk)
    desk.start()
    desk.stream(1).put(ringing(CALLID), position="16")
    until(lambda: desk.row.position == "16")
    assert desk.stop(linger=20.0) < 5.0


def test_without_a_call_nothing_is_waited_for(desk: Desk) -> None:
    desk.start()
    until(desk.up)
    assert desk.stop(linger=20.0) < 5.0


def test_a_process_that_stops_in_order_is_followed_at_once(desk: Desk, other: Desk) -> None:
    desk.start()
    desk.stream(1)
    other.start()

    assert desk.stop() < 5
    assert desk.driver.streams[0].is_closed.is_set()
    other.stream(2)
    until(other.up)


def test_without_a_process_that_reads_it_is_not_up(desk: Desk) -> None:
    desk.start()
    until(desk.up)
    desk.die()
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)

    assert not desk.up()
    assert desk.row.lost_at is None
