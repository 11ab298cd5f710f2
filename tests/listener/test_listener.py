"""A stream of reports: read by one process, durable before its position, and never silently short."""

import logging
import random
import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.exc import OperationalError

from dispatcher.domain.reasons import Reason
from dispatcher.leases import LEASE
from dispatcher.listener import holding, listener
from dispatcher.pbx.errors import PbxInDoubt, PbxRefused
from dispatcher.reports.incoming import Incoming
from dispatcher.sessions import LOCKOUT, Pbx
from dispatcher.signals import Topic
from dispatcher.store.tables import ReportStreamState
from tests.listener.conftest import Desk, until
from tests.scripted import (
    NUMBER,
    ScriptedDriver,
    account_of,
    answered,
    bye,
    key,
    posted,
    record,
    ringing,
    whole_call,
)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(listener, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(listener, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(listener, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(listener, "_AFTER_TROUBLE", 0.02)
    monkeypatch.setattr(holding, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(holding, "NOTE_SECONDS", 0.0)


def dialled(desk: Desk) -> str:
    """An attempt that the PBX has accepted, with the callid 1543289641.1."""
    desk.office.campaign(NUMBER)
    [attempt] = desk.office.dialled()
    return attempt


CALLID = "1543289641.1"


def test_what_the_stream_brings_is_entered(desk: Desk) -> None:
    attempt = dialled(desk)
    desk.start()
    for body in whole_call(CALLID):
        desk.stream(1).put(body)

    until(lambda: desk.office.dispositions() == ["applied"] * 5)
    assert desk.office.attempt(attempt).outcome == "delivered"
    assert desk.up()


def test_one_look_may_bring_many_and_rubbish(desk: Desk) -> None:
    attempt = dialled(desk)
    desk.start()
    desk.stream(1).put(*whole_call(CALLID)[:3], b"{rubbish", *whole_call(CALLID)[3:])

    until(lambda: desk.office.attempt(attempt).outcome == "delivered")
    assert sorted(desk.office.dispositions()) == ["applied"] * 5 + ["malformed"]


def test_the_position_is_kept_once_the_bodies_are_durable(desk: Desk) -> None:
    attempt = dialled(desk)
    desk.start()
    desk.stream(1).put(ringing(CALLID), position="17")
    until(lambda: desk.row.position == "17")

    assert desk.office.attempt(attempt).ringing_at is not None
    desk.stream(1).cut()
    assert desk.stream(2).position == "17"


def test_after_a_crash_what_was_read_twice_counts_once(desk: Desk, other: Desk) -> None:
    """The process dies between the bodies' commit and the position's: the next reads them again."""
    attempt = dialled(desk)
    desk.start()
    desk.stream(1).put(ringing(CALLID), position="16")
    until(lambda: desk.row.position == "16")
    desk.stop()
    desk.office.take(answered(CALLID), key(CALLID))

    other.start()
    assert other.stream(2).position == "16"
    other.stream(2).put(answered(CALLID), key(CALLID), position="18")
    other.stream(2).put(bye(CALLID), record(CALLID), position="20")

    until(lambda: other.row.position == "20")
    assert desk.office.attempt(attempt).outcome == "delivered"
    assert desk.office.dispositions().count("duplicate") == 2


def test_one_process_reads_and_another_takes_over_when_it_dies(desk: Desk, other: Desk) -> None:
    desk.start()
    desk.stream(1)
    other.start()
    until(lambda: desk.driver.streams[0].reads > 3)
    assert len(desk.driver.streams) == 1

    desk.die()
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)
    assert other.stream(2).position == ""
    until(other.up)
    assert other.demanded()


def test_the_pacer_is_woken_when_a_stream_is_open(desk: Desk) -> None:
    """Calls have waited for it, at the start and after every loss."""
    woken = desk.office.core.signals.subscribe(Topic.PACER)
    desk.start()
    desk.stream(1).put(position="16")
    assert woken.wait(20)
    until(lambda: desk.row.position == "16")
    woken.wait(0)
    desk.stream(1).cut()
    desk.stream(2)
    assert woken.wait(20)
    assert desk.up()


def test_who_takes_over_from_the_dead_does_not_read_before_the_stream_is_open(
    desk: Desk, other: Desk
) -> None:
    """The lease is new and the note of the opening is the dead one's: that is not enough."""
    desk.start()
    until(desk.up)
    desk.die()
    desk.office.clock.move(seconds=LEASE.total_seconds() + 1)
    seen: list[bool] = []
    other.driver.on_open = lambda: seen.append(other.up())
    other.start()

    until(lambda: seen)
    assert seen == [False]
    until(other.up)
    assert other.demanded() == "its reports were not read from 10:00:00 UTC on"


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


def test_without_positions_every_opening_demands_that_the_pbx_is_asked(desk: Desk) -> None:
    """What a PBX sends over TCP while nobody is connected is lost (FACTS on API v2.0.0, TCP push)."""
    desk.driver.begins_with_a_gap = True
    desk.start()
    until(lambda: desk.driver.streams and desk.stream(1).reads > 1)
    assert desk.demanded() == "its reports were not read from 10:00:00 UTC on"
    assert desk.demanded() == ""
    desk.office.clock.move(minutes=3)
    desk.stream(1).cut()

    desk.stream(2)
    until(desk.up)
    assert desk.demanded() == "its reports were not read from 10:03:00 UTC on"


def test_with_a_position_only_a_gap_demands_it(desk: Desk) -> None:
    desk.start()
    desk.stream(1).put(position="16")
    until(lambda: desk.row.position == "16")
    assert desk.demanded()
    desk.stream(1).cut()
    desk.stream(2).put(ringing("1543289641.9"), position="17")
    until(lambda: desk.row.position == "17")
    assert desk.demanded() == ""

    desk.stream(2).put(ringing("1543289641.10"), position="3", missed=True)
    until(lambda: desk.row.position == "3")
    assert desk.demanded() == "reports were lost"


def test_a_gap_and_the_position_behind_it_are_kept_together(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in the middle of the demand, and the process stops: the gap is met again."""

    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    desk.start()
    desk.stream(1).put(position="16")
    until(lambda: desk.row.position == "16")
    assert desk.demanded()
    with monkeypatch.context() as outage:
        outage.setattr(holding.inquiries, "demand", away)
        desk.stream(1).put(ringing("1543289641.9"), position="3", missed=True)
        until(desk.office.dispositions)
        desk.stop()
    assert desk.row.position == "16"
    assert desk.demanded() == ""

    other.start()
    assert other.stream(2).position == "16"
    other.stream(2).put(ringing("1543289641.9"), position="3", missed=True)
    until(lambda: other.row.position == "3")
    assert other.demanded() == "reports were lost"


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


@pytest.mark.parametrize("error", [PbxRefused(Reason.PBX_AWAY, "none"), PbxInDoubt(Reason.TIMED_OUT, "none")])
def test_a_pbx_that_is_away_is_tried_again(
    desk: Desk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        if desk.driver.tries < 6:
            raise error

    desk.driver.on_open = away
    desk.start()
    until(lambda: desk.row.problem)
    assert not desk.up()

    desk.stream(1)
    until(desk.up)
    assert desk.row.problem == ""
    assert caplog.text.count("can't be read") == 1


def test_the_pauses_grow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    waits: list[float] = []

    def away() -> None:
        raise PbxRefused(Reason.PBX_AWAY, "none")

    desk.driver.on_open = away
    desk.start()
    assert desk.listener is not None
    real = desk.listener._stopping.wait

    def wait(seconds: float | None = None) -> bool:
        waits.append(seconds or 0.0)
        return real(seconds)

    monkeypatch.setattr(desk.listener._stopping, "wait", wait)
    until(lambda: waits.count(0.1) > 2)
    assert waits == sorted(waits)


def refuse(reason: Reason) -> Callable[[], None]:
    def no() -> None:
        raise PbxRefused(reason, "the PBX's words")

    return no


def test_a_refused_password_is_tried_once_by_all_processes(desk: Desk, other: Desk) -> None:
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.refused_account)
    desk.stop()
    assert desk.row.refused_account
    desk.office.clock.move(hours=1)
    other.start()
    until(lambda: other.listener is not None and other.listener._said)

    assert desk.driver.tries == 1


def test_a_changed_password_is_tried(desk: Desk, other: Desk) -> None:
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.refused_account)
    desk.stop()

    desk.driver.on_open = lambda: None
    changed = account_of(other.office.core.settings.pbx[0], "a new password")
    other.office.pbxes["hq"] = Pbx(changed, other.driver)
    other.start()
    other.stream(1)
    until(lambda: other.row.refused_account is None)


def test_a_password_that_was_refused_at_the_login_is_not_tried_here(desk: Desk) -> None:
    desk.driver.on_login = refuse(Reason.CREDENTIALS_REFUSED)
    with pytest.raises(PbxRefused):
        desk.office.sessions.use("hq", lambda driver, session: None)
    desk.start()
    until(lambda: desk.listener is not None and desk.listener._said)

    assert desk.driver.tries == 0


def test_a_lock_out_is_waited_for(desk: Desk) -> None:
    desk.driver.on_open = refuse(Reason.LOCKED_OUT)
    desk.start()
    until(lambda: desk.row.retry_at is not None)
    desk.driver.on_open = lambda: None
    desk.office.clock.move(seconds=LOCKOUT.total_seconds() - 60)
    assert desk.driver.tries == 1

    desk.office.clock.move(seconds=61)
    desk.stream(1)


def test_a_restart_that_the_stream_tells_of_takes_the_session_anew(desk: Desk) -> None:
    desk.office.sessions.use("hq", lambda driver, session: None)
    subscription = desk.office.core.signals.subscribe(Topic.SESSION)
    desk.start()
    desk.stream(1).put(posted("BootUp", ""))

    until(lambda: any(text == "hq 1" for _, text in subscription.wait(0.1)))


def test_a_pbx_that_posts_has_no_listener(desk: Desk) -> None:
    pbx = Pbx(desk.office.pbxes["hq"].account, ScriptedDriver())
    with pytest.raises(TypeError, match="posts its reports"):
        listener.Listener(desk.office.core, pbx, desk.office.inbox, desk.leases)


def test_no_password_is_logged_or_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk.driver.on_open = refuse(Reason.CREDENTIALS_REFUSED)
    desk.start()
    until(lambda: desk.row.problem)

    assert "the PBX's password" not in caplog.text
    assert "the PBX's password" not in str(desk.office.rows(ReportStreamState))
