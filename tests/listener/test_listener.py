"""A stream of reports: read by one process, durable before its position, and never silently short."""

import pytest

from dispatcher.leases import LEASE
from dispatcher.listener import listener
from dispatcher.sessions import Pbx
from dispatcher.signals import Topic
from tests.listener.conftest import CALLID, Desk, dialled, until
from tests.scripted import ScriptedDriver, answered, bye, key, posted, record, ringing, whole_call


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
